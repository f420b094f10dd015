// SPDX-License-Identifier: GPL-2.0-only
//! CPU share that a nice level is entitled to.

/// Load weight per nice level from -20 to 19. The values are the kernel's
/// `sched_prio_to_weight`: 1024 at nice 0, about 1.25 per level.
const WEIGHTS: [u32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
    70, 56, 45, 36, 29, 23, 18, 15,
];

/// Weight of a nice level; levels outside -20..=19 are clamped, as
/// setpriority(2) does.
pub fn of_nice(nice: i32) -> u32 {
    WEIGHTS[(nice.clamp(-20, 19) + 20) as usize]
}

/// Fraction of one CPU that each of these nice levels is entitled to when all
/// compete for it. They add up to 1.
pub fn ideal_shares(nices: &[i32]) -> Vec<f64> {
    let total: f64 = nices.iter().map(|&n| f64::from(of_nice(n))).sum();
    nices
        .iter()
        .map(|&n| f64::from(of_nice(n)) / total)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middle_of_the_scale() {
        assert_eq!(
            [of_nice(-20), of_nice(0), of_nice(19)],
            [88761, 1024, 15],
            "weights the kernel uses"
        );
        assert_eq!([of_nice(-99), of_nice(99)], [88761, 15]);
    }

    #[test]
    fn shares_follow_weights_and_add_up() {
        let shares = ideal_shares(&[-10, 0, 10]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((shares[0] / shares[1] - 9548.0 / 1024.0).abs() < 1e-9);
    }
}
