//! As much of the ELF format as tells how a program is linked: see elf(5). Damaged files are no programs.

/// The number of x86-64 in the list of machines.
pub(crate) const X86_64: u16 = 62;
/// A program header that names the loader.
const PT_INTERP: u32 = 3;
/// More headers than any linker writes.
const HEADERS_MAX: usize = 256;

/// What is told of a 64-bit little-endian program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) machine: u16,
    /// The loader; without one the program is static.
    pub(crate) interpreter: Option<String>,
}

/// `None` for what is no ELF file.
pub(crate) fn read(bytes: &[u8]) -> Option<Program> {
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    let machine = u16::from_le_bytes(*bytes.get(18..)?.first_chunk()?);
    let is_64_bit = bytes.get(4) == Some(&2);
    let interpreter = if is_64_bit { interpreter(bytes) } else { Some(String::new()) };
    Some(Program { machine, interpreter })
}

fn interpreter(bytes: &[u8]) -> Option<String> {
    let start = number(bytes, 32, 8)?;
    let (size, count) = (number(bytes, 54, 2)?, number(bytes, 56, 2)?);
    (0..count.min(HEADERS_MAX)).find_map(|n| {
        let header = bytes.get(start.checked_add(n.checked_mul(size)?)?..)?;
        if number(header, 0, 4)? != PT_INTERP as usize {
            return None;
        }
        let (offset, length) = (number(header, 8, 8)?, number(header, 32, 8)?);
        let name = bytes.get(offset..offset.checked_add(length)?)?;
        Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
    })
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let field = bytes.get(at..at + width)?;
    let value = field.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The smallest file that reads as a program for this machine with this loader.
    pub(crate) fn program(machine: u16, loader: Option<&str>) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        (bytes[54], bytes[56]) = (56, 1);
        if let Some(loader) = loader {
            bytes[64] = 3;
            bytes[72] = 120;
            bytes[96] = u8::try_from(loader.len() + 1).unwrap();
            bytes.extend(loader.bytes().chain([0]));
        }
        bytes
    }

    #[test]
    fn the_loader_is_found_and_damage_is_survived() {
        let whole = program(X86_64, Some("/lib64/ld.so"));
        let read_whole = read(&whole).unwrap();
        assert_eq!(read_whole, Program { machine: X86_64, interpreter: Some("/lib64/ld.so".into()) });
        assert_eq!(read(&program(183, None)).unwrap(), Program { machine: 183, interpreter: None });
        for length in 0..whole.len() {
            let _ = read(&whole[..length]);
        }
        assert_eq!(read(b"#!/bin/sh"), None);
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(read(&this).unwrap().interpreter.unwrap().contains("ld-linux"));
    }
}
