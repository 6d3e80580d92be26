//! Cutting large files at places that their content chooses, so that what is put in at one place
//! does not move the cuts behind it.

/// The shortest and the longest piece, but for the last one of a file.
pub(super) const SHORTEST: usize = 512 << 10;
pub(super) const LONGEST: usize = 8 << 20;
/// A cut comes once in so many bytes behind the shortest piece, as a power of two.
const ONE_IN: u32 = 20;

/// How long the first piece of the content is. Less than the longest is taken only when it is
/// cut there, so as much content must be given, or else all that is left.
pub(super) fn first_piece(content: &[u8]) -> usize {
    let end = content.len().min(LONGEST);
    if end <= SHORTEST {
        return end;
    }
    // The last 64 bytes before the place decide about it.
    let mut rolling = 0_u64;
    for (at, byte) in content[..end].iter().enumerate().skip(SHORTEST - 64) {
        rolling = (rolling << 1).wrapping_add(GEAR[usize::from(*byte)]);
        if at >= SHORTEST && rolling >> (64 - ONE_IN) == 0 {
            return at;
        }
    }
    end
}

/// A random number for each byte. They are at rest in every cut: never change them.
const GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let mut state = 0x6869_6768_726f_6164_u64;
    let mut byte = 0;
    while byte < gear.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        gear[byte] = z ^ (z >> 31);
        byte += 1;
    }
    gear
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::content::Digest;
    use super::*;

    fn noise(length: usize, seed: &[u8]) -> Vec<u8> {
        let mut content = vec![0; length];
        blake3::Hasher::new().update(seed).finalize_xof().fill(&mut content);
        content
    }

    fn pieces(mut content: &[u8]) -> Vec<&[u8]> {
        let mut pieces = Vec::new();
        while !content.is_empty() {
            let (piece, rest) = content.split_at(first_piece(content));
            pieces.push(piece);
            content = rest;
        }
        pieces
    }

    #[test]
    fn pieces_keep_to_their_bounds() {
        let content = noise(24 << 20, b"bounds");
        let pieces = pieces(&content);
        assert_eq!(pieces.concat(), content);
        let (_, all_but_last) = pieces.split_last().unwrap();
        assert!(all_but_last.len() > 6, "{}", all_but_last.len());
        assert!(all_but_last.iter().all(|piece| (SHORTEST..=LONGEST).contains(&piece.len())));
    }

    #[test]
    fn content_without_any_place_to_cut_is_cut_at_the_longest() {
        let content = vec![0; LONGEST * 2 + 5];
        let lengths: Vec<_> = pieces(&content).iter().map(|piece| piece.len()).collect();
        assert_eq!(lengths, [LONGEST, LONGEST, 5]);
    }

    #[test]
    fn what_is_put_in_leaves_the_other_pieces_as_they_were() {
        let before = noise(24 << 20, b"steady");
        let mut after = before.clone();
        after.splice(9_000_000..9_000_000, *b"a few bytes more");
        let known: BTreeSet<_> = pieces(&before).into_iter().map(Digest::of).collect();
        let new = pieces(&after).into_iter().filter(|piece| !known.contains(&Digest::of(piece)));
        assert!(new.count() <= 2);
    }
}
