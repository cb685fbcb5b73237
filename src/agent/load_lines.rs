//! The lines of `checkload`: `name:number` each.

use std::collections::BTreeMap;

use super::output::told;
use super::{AgentError, Load};

/// The load.
///
/// # Errors
/// Says what is missing or cannot be read.
pub(super) fn read(body: &str) -> Result<Load, AgentError> {
    let mut figures = BTreeMap::new();
    for line in body.lines().filter(|line| !line.trim().is_empty()) {
        let figure = line.split_once(':');
        let figure = figure.and_then(|(name, number)| Some((name, number.trim().parse::<u64>().ok()?)));
        let (name, number) = figure
            .ok_or_else(|| AgentError::Garbled(format!("`{}` is no figure of its load", told(line))))?;
        figures.insert(name, number);
    }
    let figure = |name: &str| {
        let found = figures.get(name).copied();
        found.ok_or_else(|| AgentError::Garbled(format!("its load has no `{name}`")))
    };
    // The kernel's own figure; the program's estimate is for kernels that have none.
    let memory_available_mb = match figure("memAvail") {
        Ok(memory) if memory > 0 => memory,
        _ => figure("myMemAvail")?,
    };
    let whole = |name| figure(name).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    Ok(Load {
        average_percent: whole("loadavgXX")?,
        memory_available_mb,
        // It cannot count those of every machine.
        processors: whole("numCPU")?.max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_a_load() {
        let load = read("loadavgXX:123\nmemAvail:4096\nmyMemAvail:4000\nnumCPU:8\ntypeCPU:2400\n").unwrap();
        assert_eq!(
            load,
            Load {
                average_percent: 123,
                memory_available_mb: 4096,
                processors: 8
            }
        );
        let old = read("loadavgXX:1\nmemAvail:0\nmyMemAvail:4000\nnumCPU:0\ntypeCPU:0\n").unwrap();
        assert_eq!((old.memory_available_mb, old.processors), (4000, 1));
    }

    #[test]
    fn what_is_no_load_is_garbled() {
        for bad in [
            "",
            "loadavgXX:1\n",
            "loadavgXX:x\nmemAvail:1\nnumCPU:1\n",
            "loadavgXX\n",
            "a:-1\n",
        ] {
            assert!(matches!(read(bad), Err(AgentError::Garbled(_))), "{bad}");
        }
    }
}
