//! Keys, and how they seal: ChaCha20-Poly1305, with everything sealed bound to a context.

use std::fmt;

use model::vault::{Bytes, KeyId};
use ports::entropy::Entropy;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

/// The length of every key, in bytes.
pub(super) const LENGTH: usize = 32;

/// A key; wiped when it is dropped.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; LENGTH]>);

impl Key {
    pub(super) fn draw(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(random(entropy)))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; LENGTH] = bytes.try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// What the key is known by. The words keep it apart from every other digest of the key.
    pub(super) fn id(&self) -> KeyId {
        let mut named = Zeroizing::new(b"highroad key id 1".to_vec());
        named.reserve_exact(LENGTH);
        named.extend_from_slice(self.bytes());
        let digest = digest(&SHA256, &named);
        KeyId(digest.as_ref()[..8].try_into().expect("eight bytes of a digest"))
    }

    /// A nonce, the sealed text and its tag. Nonces are drawn: a key seals far less than the 2^32
    /// times after which two of them may be the same.
    pub(super) fn seal(&self, entropy: &dyn Entropy, context: &Context, plain: &[u8]) -> Bytes {
        let nonce: [u8; NONCE_LEN] = random(entropy);
        let mut bytes = Vec::with_capacity(NONCE_LEN + plain.len() + CHACHA20_POLY1305.tag_len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(&context.0);
        let tag = self.cipher().seal_in_place_separate_tag(nonce, aad, &mut bytes[NONCE_LEN..]);
        bytes.extend_from_slice(tag.expect("no text is too long for the cipher").as_ref());
        Bytes(bytes)
    }

    /// `None` unless it was sealed by this key in this context.
    pub(super) fn open(&self, context: &Context, sealed: &Bytes) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.0.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = {
            let plain = self.cipher().open_in_place(nonce, Aad::from(&context.0), &mut text);
            plain.ok()?.len()
        };
        text.truncate(length);
        Some(text)
    }

    /// A key that was sealed by this one.
    pub(super) fn open_key(&self, context: &Context, sealed: &Bytes) -> Option<Self> {
        Self::from_bytes(&self.open(context, sealed)?)
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, self.bytes());
        LessSafeKey::new(key.expect("the key has the cipher's length"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}

/// Where and as what something is sealed. Each part stands behind its length, so that none can flow
/// into another.
#[derive(Debug)]
pub(super) struct Context(Vec<u8>);

impl Context {
    pub(super) fn new(what: &str) -> Self {
        Self(Vec::new()).and(b"highroad vault 1").and(what.as_bytes())
    }

    pub(super) fn and(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }
}

pub(super) fn random<const LENGTH: usize>(entropy: &dyn Entropy) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    for chunk in bytes.chunks_mut(10) {
        let drawn = Zeroizing::new(entropy.draw());
        chunk.copy_from_slice(&drawn[..chunk.len()]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use ports::entropy::SystemEntropy;
    use ports::fake::Seeded;

    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_context_only() {
        let key = Key::draw(&SystemEntropy);
        let context = |part: &str| Context::new("value").and(part.as_bytes());
        for plain in [vec![], vec![7], vec![7; 70_000]] {
            let sealed = key.seal(&SystemEntropy, &context("a"), &plain);
            assert_eq!(&key.open(&context("a"), &sealed).unwrap()[..], plain);
            assert!(key.open(&context("b"), &sealed).is_none());
            assert!(key.open(&Context::new("a").and(b"value"), &sealed).is_none());
            assert!(Key::draw(&SystemEntropy).open(&context("a"), &sealed).is_none());
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let key = Key::draw(&SystemEntropy);
        let context = || Context::new("value");
        let sealed = key.seal(&SystemEntropy, &context(), b"correct horse");
        for bit in 0..sealed.0.len() * 8 {
            let mut other = sealed.clone();
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&context(), &other).is_none(), "{bit}");
        }
        for length in 0..sealed.0.len() {
            assert!(key.open(&context(), &Bytes(sealed.0[..length].to_vec())).is_none());
        }
    }

    #[test]
    fn nothing_is_sealed_twice_alike() {
        let key = Key::draw(&SystemEntropy);
        let seal = || key.seal(&SystemEntropy, &Context::new("value"), b"same");
        assert_ne!(seal(), seal());
    }

    #[test]
    fn parts_cannot_flow_into_each_other() {
        let (one, other) = (Context::new("a").and(b"bc"), Context::new("ab").and(b"c"));
        assert_ne!(one.0, other.0);
    }

    #[test]
    fn a_key_is_shown_by_its_name_only() {
        let key = Key::from_bytes(&[7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), key.id().to_string());
        assert!(Key::from_bytes(&[7; 31]).is_none());
        // Whatever was sealed names its key by this for ever.
        assert_eq!(key.id().to_string(), "26804c2173efcf94");
    }

    #[test]
    fn all_bytes_of_a_key_are_drawn() {
        let seeded = Seeded::new(7);
        let keys: Vec<_> = (0..64).map(|_| Key::draw(&seeded)).collect();
        for at in 0..LENGTH {
            let first = keys[0].bytes()[at];
            assert!(keys.iter().any(|key| key.bytes()[at] != first), "{at}");
        }
    }
}
