//! Shows what the services write into their log files, each line behind its service's name.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

use console::{Color, Style};

use crate::{fleet::Proc, log_line::pretty, ui::Ui};

const COLORS: [Color; 6] =
    [Color::Cyan, Color::Magenta, Color::Yellow, Color::Blue, Color::Green, Color::Color256(208)];

/// At most this much of one log is shown at a time, so that one talkative service does not starve the others.
const CHUNK: u64 = 256 * 1024;

/// The log files of all processes, each read up to some place.
pub(super) struct Logs {
    followers: Vec<Follower>,
}

struct Follower {
    label: String,
    color: Color,
    path: PathBuf,
    offset: u64,
}

impl Logs {
    /// Leaves out what has been written before this moment.
    pub(super) fn from_now_on(procs: &[Arc<Proc>]) -> Self {
        let label = |proc: &Proc| {
            let alone = procs.iter().filter(|other| other.service() == proc.service()).count() == 1;
            if alone { proc.service().to_owned() } else { proc.name() }
        };
        let width = procs.iter().map(|proc| label(proc).len()).max().unwrap_or(0);
        let followers = procs.iter().zip(COLORS.into_iter().cycle()).map(|(proc, color)| Follower {
            label: format!("{:<width$} |", label(proc)),
            color,
            path: proc.log_path().to_owned(),
            offset: std::fs::metadata(proc.log_path()).map_or(0, |file| file.len()),
        });
        Self { followers: followers.collect() }
    }

    /// Prints the complete lines that have come since the last time: as they are for programs, else made readable.
    pub(super) fn show(&mut self, ui: &Ui) {
        for follower in &mut self.followers {
            for line in follower.new_lines().lines() {
                if ui.is_json() {
                    ui.line(line);
                } else {
                    let label = Style::new().fg(follower.color).apply_to(&follower.label);
                    ui.line(format_args!("{label} {}", pretty(line)));
                }
            }
        }
    }
}

impl Follower {
    /// Complete lines only; the rest is read again next time.
    fn new_lines(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.offset))?;
            file.take(CHUNK).read_to_end(&mut bytes)
        });
        // A log that cannot be read now (removed by hand, say) is no reason to stop the fleet.
        if read.is_err() {
            return String::new();
        }
        let full = u64::try_from(bytes.len()).unwrap_or(u64::MAX) == CHUNK;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        // A line longer than the chunk would never be complete.
        let taken = if complete == 0 && full { bytes.len() } else { complete };
        bytes.truncate(taken);
        self.offset += u64::try_from(taken).unwrap_or(0);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn gives_each_complete_line_once() -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        let path = file.path().to_owned();
        let mut follower = Follower { label: String::new(), color: Color::Cyan, path, offset: 0 };
        assert_eq!(follower.new_lines(), "");
        write!(file, "one\ntw")?;
        assert_eq!(follower.new_lines(), "one\n");
        assert_eq!(follower.new_lines(), "");
        writeln!(file, "o")?;
        assert_eq!(follower.new_lines(), "two\n");
        Ok(())
    }

    #[test]
    fn an_endless_line_comes_in_pieces() -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        let path = file.path().to_owned();
        let mut follower = Follower { label: String::new(), color: Color::Cyan, path, offset: 0 };
        let size = usize::try_from(CHUNK).unwrap_or(0) + 10;
        file.write_all(&vec![b'x'; size])?;
        file.write_all(b"\n")?;
        assert_eq!(follower.new_lines().len() + follower.new_lines().len(), size + 1);
        Ok(())
    }
}
