//! When not to ask.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(250);
/// After so many doublings, at 2 s, the pause grows no more.
const DOUBLINGS: u32 = 3;

/// Remembers that the agent did not answer, so that a caller which waits on the spot is not held up again and again. It
/// reads no clock.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    until: Option<Instant>,
    slow: u32, // failures since the last answer that kept the caller waiting
}

impl Backoff {
    /// How long not to ask yet; None when asking is fine.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        self.until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// A request failed. A slow failure kept its caller waiting; with each of them the pause doubles, so that an agent
    /// that hangs gets ever less of the caller's time. A quick failure cost nothing, so it adds nothing, but is no sign of
    /// life either.
    pub(crate) fn failed(&mut self, now: Instant, slow: bool) {
        let pause = if slow { FIRST * (1 << self.slow.min(DOUBLINGS)) } else { FIRST };
        self.slow = self.slow.saturating_add(u32::from(slow));
        self.until = Some(now + pause);
    }

    /// There was an answer.
    pub(crate) fn answered(&mut self) {
        *self = Backoff::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn story() {
        const SLOW: Option<bool> = Some(true);
        const QUICK: Option<bool> = Some(false);
        const ANSWER: Option<bool> = None;
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        assert_eq!(backoff.left(now), None);
        for (step, (event, pause)) in [
            (QUICK, 250),
            (QUICK, 250),
            (SLOW, 250),
            (SLOW, 500),
            (QUICK, 250),
            (SLOW, 1000),
            (SLOW, 2000),
            (SLOW, 2000),
            (SLOW, 2000),
            (ANSWER, 0),
            (SLOW, 250),
            (SLOW, 500),
            (ANSWER, 0),
            (QUICK, 250),
        ]
        .into_iter()
        .enumerate()
        {
            match event {
                Some(slow) => backoff.failed(now, slow),
                None => backoff.answered(),
            }
            let pause = Duration::from_millis(pause);
            let left = backoff.left(now).unwrap_or_default();
            assert_eq!(left, pause, "step {step}");
            now += pause;
            assert_eq!(backoff.left(now), None, "step {step}, after the pause");
        }
    }

    #[test]
    fn many_failures() {
        let mut backoff = Backoff { until: None, slow: u32::MAX };
        let now = Instant::now();
        backoff.failed(now, true);
        assert_eq!(backoff.left(now), Some(Duration::from_secs(2)));
    }
}
