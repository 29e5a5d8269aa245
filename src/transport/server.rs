//! A watcher's end.

use std::io;
use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::Error;
use super::socket::{QUESTION_BYTES_MAX, SOCKET};
use crate::model::{Answer, Ask};
use crate::os::{file, socket};

/// A question, and where its answers go. Whoever asked may have gone away; then they go nowhere.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub ask: Ask,
    /// Where answers go.
    pub answers: mpsc::UnboundedSender<Answer>,
}

/// Listens for questions as long as it is held.
#[derive(Debug)]
pub struct Server {
    path: std::path::PathBuf,
    questions: mpsc::UnboundedReceiver<Question>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Listens in the state folder `state`, whose watcher the caller is. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn listen(state: &Path) -> Result<Self, Error> {
        let listener = socket::listen(state, SOCKET).and_then(UnixListener::from_std);
        let listener = listener.map_err(|source| Error::Deaf { path: state.join(SOCKET), source })?;
        let (sender, questions) = mpsc::unbounded_channel();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    // Who breaks off is not waiting for an answer.
                    let _ = converse(stream, sender).await;
                });
            }
        });
        Ok(Self { path: state.join(SOCKET), questions, accepting })
    }

    /// The next question.
    pub async fn next(&mut self) -> Option<Question> {
        self.questions.recv().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = file::remove(&self.path);
    }
}

/// Takes questions and gives answers, until the other end has gone.
async fn converse(stream: UnixStream, questions: mpsc::UnboundedSender<Question>) -> io::Result<()> {
    let stream = stream.into_std()?;
    if !socket::is_own(&stream) {
        return Ok(());
    }
    let (read, mut write) = UnixStream::from_std(stream)?.into_split();
    let (answers, mut answered) = mpsc::unbounded_channel();
    // Ends when nobody has anything to say any more, or nobody listens.
    let writing = tokio::spawn(async move {
        while let Some(answer) = answered.recv().await {
            let mut line = serde_json::to_vec(&answer)?;
            line.push(b'\n');
            write.write_all(&line).await?;
        }
        Ok::<_, io::Error>(())
    });
    let mut lines = BufReader::new(read);
    loop {
        let mut line = String::new();
        let received = (&mut lines).take(QUESTION_BYTES_MAX).read_line(&mut line).await;
        if !matches!(received, Ok(1..)) {
            // The other end has gone. Who was about to be told is told no more, and so is not waited for.
            writing.abort();
            return Ok(());
        }
        match serde_json::from_str(&line) {
            Ok(ask) => drop(questions.send(Question { ask, answers: answers.clone() })),
            Err(error) => {
                let because = format!("this watcher does not understand that: {error}");
                let _ = answers.send(Answer::Refused { because, hint: None });
                drop(answers);
                let _ = writing.await;
                return Ok(());
            }
        }
    }
}
