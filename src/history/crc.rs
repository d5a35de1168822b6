//! CRC-32 as Ethernet and gzip have it: enough to tell a torn or flipped frame. Fifteen lines are
//! less than a crate.

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut rest, mut bit) = (byte as u32, 0);
        while bit < 8 {
            rest = if rest & 1 == 1 { 0xedb8_8320 ^ (rest >> 1) } else { rest >> 1 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
};

/// The checksum of some bytes.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |rest: u32, byte| TABLE[usize::from(rest as u8 ^ byte)] ^ (rest >> 8))
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_one_that_everybody_has() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc32(b""), 0);
    }
}
