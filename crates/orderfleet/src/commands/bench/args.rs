//! What `bench` can be told.

use std::{path::PathBuf, time::Duration};

use clap::Args as ClapArgs;

use super::super::up;
use crate::{
    bench::{Generator, Profile, Wish},
    fleet::Build,
};

/// Arguments of `bench`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What kind of day it is.
    #[arg(long, value_enum, default_value = "steady")]
    profile: Profile,

    /// Orders per second that it begins with [default: steady 1000, ramp 500, black-friday 150].
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,

    /// Seconds that are measured; of a ramp, of each step; of black-friday, before the burst and after it
    /// [default: steady 60, ramp 15, black-friday 20].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,

    /// Seconds of load before anything is measured.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    warm_up: u64,

    /// When a message counts as stored: `always` when it is on the disk (fsync), `default` when the broker has written it,
    /// which survives a crash of the broker but not a power cut.
    #[arg(long, value_enum, default_value = "always")]
    durability: Durability,

    /// By which factor a step of the ramp is more than the one before.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.25, value_parser = growth)]
    growth: f64,

    /// Milliseconds within which 99 of 100 orders must be accepted for a fleet to keep up.
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    limit: u64,

    /// Orders of each second that are followed until they are confirmed, at most.
    #[arg(long, value_name = "N", default_value_t = 200.0, value_parser = rate)]
    sample: f64,

    /// Connections to each replica of the order service.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    connections: u16,

    /// How many of a service to run. May be repeated.
    #[arg(long, value_name = "SERVICE=COUNT", value_parser = up::replicas)]
    pub(super) replicas: Vec<(String, usize)>,

    /// Keep everything the fleet writes in this directory, which is emptied first [default: keep nothing]. The disk it is
    /// on is the one that is measured.
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,

    /// Write a page with plots, which needs nothing else, to this file.
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,

    /// Start the binaries as they are.
    #[arg(long)]
    pub(super) no_build: bool,

    /// Do not measure first what the broker alone would carry.
    #[arg(long)]
    pub(super) no_ceiling: bool,
}

/// When a message counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Durability {
    Always,
    Default,
}

impl Args {
    pub(super) fn fsync(&self) -> bool {
        self.durability == Durability::Always
    }

    pub(super) fn build(&self) -> Build {
        if self.no_build { Build::Skip } else { Build::Show }
    }

    pub(super) fn wish(&self) -> Wish {
        Wish {
            profile: self.profile,
            rate: self.rate.unwrap_or(self.profile.usual_rate()),
            seconds: self.seconds.unwrap_or(self.profile.usual_seconds()),
            warm_up: self.warm_up,
            growth: self.growth,
            limit: Duration::from_millis(self.limit),
        }
    }

    pub(super) fn generator(&self) -> Generator {
        Generator { connections: self.connections.into(), sample: self.sample, ..Generator::default() }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.1..=100_000.0).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("not a number of orders per second from 0.1 to 100000".to_owned()),
    }
}

fn growth(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (1.01..=10.0).contains(&factor) => Ok(factor),
        Ok(_) | Err(_) => Err("not a factor from 1.01 to 10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parsed;

    #[test]
    fn each_profile_has_its_own_defaults() -> Result<(), clap::Error> {
        let wish = |words: &[&str]| parsed::<Args>(words).map(|args| args.wish());
        let steady = wish(&[])?;
        assert_eq!((steady.profile, steady.rate, steady.seconds), (Profile::Steady, 1_000.0, 60));
        let ramp = wish(&["--profile", "ramp", "--growth", "1.5"])?;
        assert_eq!((ramp.rate, ramp.seconds, ramp.growth), (500.0, 15, 1.5));
        let sale = wish(&["--profile=black-friday", "--rate=20", "--seconds=5", "--warm-up=0"])?;
        assert_eq!((sale.rate, sale.seconds, sale.warm_up), (20.0, 5, 0));
        Ok(())
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in
            ["--rate=0", "--rate=fast", "--seconds=0", "--growth=1", "--durability=maybe", "--sample=-1"]
        {
            assert!(parsed::<Args>(&[wrong]).is_err(), "{wrong}");
        }
    }
}
