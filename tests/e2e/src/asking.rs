//! A client that goes on asking a name while something else happens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::World;

/// Between one answer and the next question.
const PAUSE: Duration = Duration::from_millis(20);

/// The loop of requests, until [`Asking::stop`].
pub struct Asking {
    stop: Arc<AtomicBool>,
    asked: JoinHandle<Answers>,
}

/// What a name has answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// How often with 200.
    pub good: usize,
    /// Every other answer: status and body.
    pub bad: Vec<(u16, String)>,
}

impl Asking {
    /// Begins to ask `host` for `path`, one request after the other.
    #[must_use]
    pub fn start(world: &World, host: &str, path: &str) -> Self {
        let (world, host, path) = (world.clone(), host.to_owned(), path.to_owned());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let asked = tokio::spawn(async move {
            let mut answers = Answers::default();
            while !stopped.load(Ordering::Relaxed) {
                match world.get(&host, &path).await {
                    (200, _) => answers.good += 1,
                    other => answers.bad.push(other),
                }
                tokio::time::sleep(PAUSE).await;
            }
            answers
        });
        Self { stop, asked }
    }

    /// Ends the loop. What was answered meanwhile.
    ///
    /// # Panics
    /// When a question was not answered at all.
    pub async fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        self.asked.await.expect("every question is answered")
    }
}
