//! How many packets of seed does a garden need? Reads lines like `leek 240 0.8` (name, plants wanted,
//! share of seeds that germinate) and prints packets of 50 seeds.

use std::fmt;
use std::io::{self, BufRead};

const SEEDS_PER_PACKET: u32 = 50;

#[derive(Debug, PartialEq)]
struct Bed {
    name: String,
    plants: u32,
    germination: f64,
}

#[derive(Debug, PartialEq)]
enum Mistake {
    Fields(usize),
    Number(String),
    Share(f64),
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::Fields(found) => write!(out, "expected three fields, found {found}"),
            Mistake::Number(word) => write!(out, "{word:?} is not a number"),
            Mistake::Share(share) => write!(out, "a share lies above 0 and up to 1, not {share}"),
        }
    }
}

fn parse(line: &str) -> Result<Bed, Mistake> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [name, plants, share] = fields[..] else {
        return Err(Mistake::Fields(fields.len()));
    };
    let plants = plants.parse().map_err(|_| Mistake::Number(plants.to_string()))?;
    let germination: f64 = share.parse().map_err(|_| Mistake::Number(share.to_string()))?;
    if !(germination > 0.0 && germination <= 1.0) {
        return Err(Mistake::Share(germination));
    }
    Ok(Bed { name: name.to_string(), plants, germination })
}

fn packets(bed: &Bed) -> u32 {
    let seeds = (f64::from(bed.plants) / bed.germination).ceil() as u32;
    seeds.div_ceil(SEEDS_PER_PACKET)
}

fn main() {
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line.expect("standard input is readable");
        match parse(&line) {
            Ok(bed) => println!("{}: {}", bed.name, packets(&bed)),
            Err(mistake) => eprintln!("line {}: {mistake}", number + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poor_seed_needs_more_packets() {
        assert_eq!(packets(&parse("leek 240 0.8").unwrap()), 6);
        assert_eq!(packets(&parse("leek 240 0.5").unwrap()), 10);
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse("leek 240"), Err(Mistake::Fields(2)));
        assert_eq!(parse("leek many 1"), Err(Mistake::Number("many".to_string())));
        assert_eq!(parse("leek 10 2"), Err(Mistake::Share(2.0)));
    }
}
