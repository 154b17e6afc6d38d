//! Strings that look unguessable and are the same again for the same seed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Makes codes and tokens.
#[derive(Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The issuer is mixed in, so that no two servers hand out the same token.
    pub(super) fn new(issuer: &str, seed: u64) -> Self {
        let mut random = Self { state: seed };
        for byte in issuer.bytes() {
            random.state ^= u64::from(byte);
            random.state = random.next_u64();
        }
        random
    }

    /// `kind-` and 43 characters: a token or code that says what it is when a test fails.
    pub(super) fn token(&mut self, kind: &str) -> String {
        let bytes = [(); 4].map(|()| self.next_u64().to_be_bytes()).concat();
        format!("{kind}-{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// `BCDF-GHJK`: RFC 8628 §6.1 proposes these letters, which can't spell a word.
    pub(super) fn user_code(&mut self) -> String {
        let mut number = self.next_u64();
        let mut user_code = String::new();
        for position in 0..8 {
            if position == 4 {
                user_code.push('-');
            }
            let index = usize::try_from(number % 20).unwrap_or_default();
            user_code.push(char::from(CONSONANTS[index]));
            number /= 20;
        }
        user_code
    }

    /// `SplitMix64`, a well-known small generator.
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

const CONSONANTS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_issuer_and_seed_make_the_same_strings() {
        let first = |issuer, seed| Random::new(issuer, seed).token("access");
        assert_eq!(first("http://a.test", 1), first("http://a.test", 1));
        assert_ne!(first("http://a.test", 1), first("http://a.test", 2));
        assert_ne!(first("http://a.test", 1), first("http://b.test", 1));
    }

    #[test]
    fn no_string_comes_twice() {
        let mut random = Random::new("http://a.test", 1);
        let mut tokens: Vec<String> = (0..1000).map(|_| random.token("access")).collect();
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), 1000);
    }

    #[test]
    fn a_user_code_is_two_groups_of_four_consonants() {
        let user_code = Random::new("http://a.test", 1).user_code();
        let (first, second) = user_code.split_once('-').unwrap();
        for group in [first, second] {
            assert_eq!(group.len(), 4);
            assert!(group.bytes().all(|letter| CONSONANTS.contains(&letter)));
        }
    }
}
