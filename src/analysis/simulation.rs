//! Made-up series whose truth is known, for tests and benchmarks of the methods.

/// Numbers that look random and are the same every time (SplitMix64, Steele and others 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Between 0 and 1, and neither.
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Of the standard normal distribution (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// So many values of deviation 1 around 0, of which each repeats a share of the one before it.
    pub fn repeating(&mut self, count: usize, share: f64) -> Vec<f64> {
        let mut value = self.normal();
        let fresh = (1.0 - share * share).sqrt();
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(value);
            value = share * value + fresh * self.normal();
        }
        values
    }
}
