//! A watcher's end.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::Error;
use super::socket::{QUESTION_BYTES_MAX, SOCKET};
use crate::model::{Answer, Ask};
use crate::os::{file, socket};

/// Conversations at a time; who comes then waits.
const TALKS_MAX: usize = 64;
/// How long somebody who asks nothing, and follows nothing, is listened to.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Questions that wait to be answered, and answers of one conversation that wait to be read.
const QUESTIONS_MAX: usize = 32;
const ANSWERS_MAX: usize = 64;
/// From one try to the next where the machine has no descriptor left for somebody who comes.
const AGAIN: Duration = Duration::from_millis(100);

/// A question, and where its answers go. Whoever asked may have gone away; then they go nowhere.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub ask: Ask,
    /// Where answers go. It is full when who asks does not read them.
    pub answers: mpsc::Sender<Answer>,
}

/// Listens for questions as long as it is held.
#[derive(Debug)]
pub struct Server {
    path: std::path::PathBuf,
    questions: mpsc::Receiver<Question>,
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
        let (sender, questions) = mpsc::channel(QUESTIONS_MAX);
        let accepting = tokio::spawn(accept(listener, sender));
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

/// Takes everybody in who comes, so many at a time.
async fn accept(listener: UnixListener, questions: mpsc::Sender<Question>) {
    let room = Arc::new(Semaphore::new(TALKS_MAX));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let questions = questions.clone();
                tokio::spawn(async move {
                    // Who breaks off is not waiting for an answer.
                    let _ = converse(stream, questions).await;
                    drop(place);
                });
            }
            Err(_) => sleep(AGAIN).await,
        }
    }
}

/// Takes questions and gives answers, until the other end has gone.
async fn converse(stream: UnixStream, questions: mpsc::Sender<Question>) -> io::Result<()> {
    let stream = stream.into_std()?;
    if !socket::is_own(&stream) {
        return Ok(());
    }
    let (read, mut write) = UnixStream::from_std(stream)?.into_split();
    let (answers, mut answered) = mpsc::channel(ANSWERS_MAX);
    // Ends when nobody has anything to say any more, or nobody listens.
    let answering = tokio::spawn(async move {
        while let Some(answer) = answered.recv().await {
            let mut line = serde_json::to_vec(&answer)?;
            line.push(b'\n');
            write.write_all(&line).await?;
        }
        Ok::<_, io::Error>(())
    });
    if listen(read, &questions, &answers).await {
        drop(answers);
        let _ = timeout(SILENCE_MAX, answering).await;
    } else {
        // The other end has gone. Who was about to be told is told no more, and so is not waited for.
        answering.abort();
    }
    Ok(())
}

/// Reads questions until there are no more, or one that is none. Whether the other end still listens.
async fn listen(read: OwnedReadHalf, questions: &mpsc::Sender<Question>, answers: &mpsc::Sender<Answer>) -> bool {
    let mut lines = BufReader::new(read);
    let mut follows = false;
    loop {
        let mut line = String::new();
        let mut bounded = (&mut lines).take(QUESTION_BYTES_MAX);
        let reading = bounded.read_line(&mut line);
        let read = if follows { Ok(reading.await) } else { timeout(SILENCE_MAX, reading).await };
        if !matches!(read, Ok(Ok(1..))) {
            return false;
        }
        match serde_json::from_str(&line) {
            Ok(ask) => {
                follows |= ask == Ask::Follow;
                if questions.send(Question { ask, answers: answers.clone() }).await.is_err() {
                    return false;
                }
            }
            Err(error) => {
                let because = format!("this watcher does not understand that: {error}");
                let _ = answers.try_send(Answer::Refused { because, hint: None });
                return true;
            }
        }
    }
}
