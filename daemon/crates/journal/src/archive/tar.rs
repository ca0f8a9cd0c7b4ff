//! The headers of a tar file (POSIX ustar), as archives have them: plain files of one owner. Pure.

/// What everything in a tar file is a multiple of, in bytes.
pub(super) const BLOCK: usize = 512;
/// Zeros at the end of a tar file.
pub(super) const END: usize = 2 * BLOCK;
/// Longest name that fits.
const NAME: usize = 100;

/// Zeros that follow `len` bytes.
pub(super) const fn padding(len: u64) -> usize {
    (len.next_multiple_of(BLOCK as u64) - len) as usize
}

/// What an entry takes in all.
pub(super) const fn whole(len: u64) -> u64 {
    BLOCK as u64 + len.next_multiple_of(BLOCK as u64)
}

/// A number as tar has it: octal digits and a zero byte.
fn octal(field: &mut [u8], number: u64) {
    let digits = field.len() - 1;
    field[..digits].copy_from_slice(format!("{number:0digits$o}").as_bytes());
}

/// The header of a plain file. Names and sizes are those of the journal: at most 100 bytes, and below 8 GiB.
pub(super) fn header(name: &str, len: u64, modified: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    octal(&mut block[100..108], 0o600);
    octal(&mut block[108..116], 0);
    octal(&mut block[116..124], 0);
    octal(&mut block[124..136], len);
    octal(&mut block[136..148], modified & 0o77_777_777_777);
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    // The checksum counts its own field as spaces.
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..155], sum);
    block
}

/// Name, length and time of a header, if it is exactly as [`header`] writes it.
pub(super) fn parse(block: &[u8]) -> Option<(String, u64, u64)> {
    let number = |from: usize, to: usize| {
        let digits = std::str::from_utf8(block.get(from..to)?).ok()?;
        u64::from_str_radix(digits, 8).ok()
    };
    let name = block.get(..NAME)?.split(|byte| *byte == 0).next()?;
    let (name, len, modified) = (std::str::from_utf8(name).ok()?, number(124, 135)?, number(136, 147)?);
    (header(name, len, modified) == *block).then(|| (name.to_owned(), len, modified))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_posix_says_and_read_back_strictly() {
        let block = header("log/0000000001-00000000000000000001.seg", 8 << 20, 1_795_000_000);
        assert_eq!(&block[100..108], b"0000600\0");
        assert_eq!(&block[124..136], b"00040000000\0");
        assert_eq!(&block[257..265], b"ustar\x0000");
        assert_eq!(parse(&block), Some(("log/0000000001-00000000000000000001.seg".to_owned(), 8 << 20, 1_795_000_000)));
        for byte in 0..BLOCK {
            for bit in 0..8 {
                let mut other = block;
                other[byte] ^= 1 << bit;
                assert_eq!(parse(&other), None, "byte {byte}, bit {bit}");
            }
        }
        assert_eq!(parse(&block[..511]), None);
        assert_eq!((padding(0), padding(1), padding(512), whole(513)), (0, 511, 0, 1536));
    }
}
