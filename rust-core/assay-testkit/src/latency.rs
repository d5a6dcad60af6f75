//! How long an answer takes.

use std::f64::consts::TAU;
use std::str::FromStr;
use std::time::Duration;

use crate::config::{Error, check_share, parse_duration};
use crate::hash::StableHash;

/// A latency with rare long tails: a distribution, and with small probabilities a fixed long time instead.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Latency {
    /// The usual case.
    pub distribution: Distribution,
    /// (probability, latency) pairs that replace the usual case.
    pub tails: Vec<(f64, Duration)>,
}

/// A distribution of times.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Distribution {
    /// At once.
    #[default]
    None,
    /// Always the same.
    Fixed(Duration),
    /// Uniform between two times.
    Uniform(Duration, Duration),
    /// Log-normal with a median and the standard deviation of the logarithm.
    LogNormal(Duration, f64),
    /// Pareto with the smallest time and the exponent: the smaller the exponent, the heavier the tail.
    Pareto(Duration, f64),
    /// Exponential with a mean.
    Exponential(Duration),
}

const LONGEST: Duration = Duration::from_secs(3600);

impl Latency {
    /// Always the same latency.
    pub fn fixed(latency: Duration) -> Latency {
        Latency { distribution: Distribution::Fixed(latency), tails: Vec::new() }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        check_share("the probability of all tails together", self.tails.iter().map(|(share, _)| share).sum())
    }

    pub(crate) fn sample(&self, chance: StableHash) -> Duration {
        let mut tail = chance.number(1).unit();
        for (share, latency) in &self.tails {
            if tail < *share {
                return *latency;
            }
            tail -= share;
        }
        self.distribution.sample(chance)
    }
}

impl Distribution {
    fn sample(&self, chance: StableHash) -> Duration {
        // In (0, 1], so that its logarithm is finite.
        let unit = 1.0 - chance.number(2).unit();
        let seconds = match self {
            Distribution::None => return Duration::ZERO,
            Distribution::Fixed(latency) => return *latency,
            Distribution::Uniform(low, high) => low.as_secs_f64() + (high.as_secs_f64() - low.as_secs_f64()) * unit,
            Distribution::LogNormal(median, sigma) => {
                let normal = (-2.0 * unit.ln()).sqrt() * (TAU * chance.number(3).unit()).cos();
                median.as_secs_f64() * (sigma * normal).exp()
            }
            Distribution::Pareto(smallest, exponent) => smallest.as_secs_f64() * unit.powf(-1.0 / exponent),
            Distribution::Exponential(mean) => -mean.as_secs_f64() * unit.ln(),
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST)
    }
}

impl FromStr for Distribution {
    type Err = Error;

    /// Reads `50ms`, `uniform:20ms,80ms`, `lognormal:50ms,0.5`, `pareto:20ms,1.5`, `exponential:50ms` or `0`.
    fn from_str(text: &str) -> Result<Distribution, Error> {
        let Some((name, arguments)) = text.split_once(':') else {
            let latency = parse_duration(text)?;
            return Ok(if latency.is_zero() { Distribution::None } else { Distribution::Fixed(latency) });
        };
        let number = |text: &str| match text.trim().parse() {
            Ok(number) if number > 0.0 => Ok(number),
            _ => Err(Error::new(format!("{text:?} is not a positive number"))),
        };
        match (name, arguments.split(',').collect::<Vec<_>>().as_slice()) {
            ("uniform", [low, high]) => Ok(Distribution::Uniform(parse_duration(low)?, parse_duration(high)?)),
            ("lognormal", [median, sigma]) => Ok(Distribution::LogNormal(parse_duration(median)?, number(sigma)?)),
            ("pareto", [smallest, exponent]) => Ok(Distribution::Pareto(parse_duration(smallest)?, number(exponent)?)),
            ("exponential", [mean]) => Ok(Distribution::Exponential(parse_duration(mean)?)),
            _ => Err(Error::new(format!(
                "a latency is 50ms, uniform:LOW,HIGH, lognormal:MEDIAN,SIGMA, pareto:SMALLEST,EXPONENT or \
                 exponential:MEAN, not {text:?}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(text: &str) -> Vec<f64> {
        let distribution: Distribution = text.parse().unwrap();
        let mut times: Vec<f64> =
            (0..20_001).map(|i| distribution.sample(StableHash::new(1).number(i)).as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        times
    }

    #[test]
    fn distributions_have_their_quantiles() {
        let close = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 0.05, "{value} {expected}");
        close(samples("uniform:20ms,80ms")[10_000], 50.0);
        close(samples("lognormal:50ms,0.5")[10_000], 50.0);
        close(samples("lognormal:50ms,0.5")[18_000], 50.0 * (0.5f64 * 1.2816).exp());
        close(samples("pareto:20ms,1.5")[10_000], 20.0 * 2f64.powf(1.0 / 1.5));
        close(samples("exponential:50ms").iter().sum::<f64>() / 20_001.0, 50.0);
        assert_eq!(samples("50ms")[0], 50.0);
        assert_eq!("0".parse(), Ok(Distribution::None));
    }

    #[test]
    fn tails_come_as_often_as_they_should() {
        let latency = Latency { tails: vec![(0.01, Duration::from_secs(30))], ..Latency::default() };
        let long = (0..100_000).filter(|i| !latency.sample(StableHash::new(3).number(*i)).is_zero()).count();
        assert!((800..1200).contains(&long), "{long}");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["50", "uniform:20ms", "lognormal:50ms,-1", "normal:1ms,2ms", "-5ms"] {
            assert!(text.parse::<Distribution>().is_err(), "{text}");
        }
    }
}
