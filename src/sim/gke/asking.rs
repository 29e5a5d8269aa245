//! Asking a simulated cluster that another process serves.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 16 * 1_024 * 1_024;

/// Gets what stands at `path` of the server that `kubeconfig`, a file that Spore wrote, tells of.
///
/// # Errors
/// When the file tells of no server, nobody listens there, or it is another one by now.
pub async fn ask(kubeconfig: &str, path: &str) -> io::Result<String> {
    let other = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let server = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("server: http://"));
    let server = server.ok_or_else(|| other("the kubeconfig is none of a simulated cluster"))?;
    let (address, prefix) = server.split_once('/').ok_or_else(|| other("the kubeconfig has no secret address"))?;
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /{prefix}{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await?;
    let answer = String::from_utf8(bytes).map_err(|_| other("the answer is no text"))?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(other("another program listens there now")),
    }
}
