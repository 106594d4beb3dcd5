//! Big-endian reading and writing of fixed layouts (formats.md section 1).

use alloc::vec::Vec;

/// The bytes ended before the field did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short;

/// Reads fields one after the other; every read fails when too few bytes are left.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next field starts.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether every byte was read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left() == 0
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// `Short` if fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let taken = self.bytes[self.at..].get(..count).ok_or(Short)?;
        self.at += count;
        Ok(taken)
    }

    /// All bytes that are left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// The next `COUNT` bytes as an array.
    ///
    /// # Errors
    /// `Short` if fewer are left.
    pub fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], Short> {
        let (taken, _) = self.bytes[self.at..].split_first_chunk().ok_or(Short)?;
        self.at += COUNT;
        Ok(*taken)
    }

    /// A u8.
    ///
    /// # Errors
    /// `Short` if too few bytes are left; so in every method below.
    pub fn u8(&mut self) -> Result<u8, Short> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// A u16.
    #[allow(clippy::missing_errors_doc)]
    pub fn u16(&mut self) -> Result<u16, Short> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// A u32.
    #[allow(clippy::missing_errors_doc)]
    pub fn u32(&mut self) -> Result<u32, Short> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A u40.
    #[allow(clippy::missing_errors_doc)]
    pub fn u40(&mut self) -> Result<u64, Short> {
        let mut wide = [0; 8];
        wide[3..].copy_from_slice(&self.array::<5>()?);
        Ok(u64::from_be_bytes(wide))
    }

    /// A u64.
    #[allow(clippy::missing_errors_doc)]
    pub fn u64(&mut self) -> Result<u64, Short> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A u128.
    #[allow(clippy::missing_errors_doc)]
    pub fn u128(&mut self) -> Result<u128, Short> {
        Ok(u128::from_be_bytes(self.array()?))
    }

    /// An i64.
    #[allow(clippy::missing_errors_doc)]
    pub fn i64(&mut self) -> Result<i64, Short> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// An i128.
    #[allow(clippy::missing_errors_doc)]
    pub fn i128(&mut self) -> Result<i128, Short> {
        Ok(i128::from_be_bytes(self.array()?))
    }
}

/// Writes fields at the end of a byte string.
pub trait Writer {
    /// Bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// A u8.
    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    /// A u16.
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    /// A u32.
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// A u40: the lower five bytes of a value below 2^40.
    fn put_u40(&mut self, value: u64) {
        debug_assert!(value >> 40 == 0, "{value} does not fit u40");
        self.put(&value.to_be_bytes()[3..]);
    }

    /// A u64.
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    /// A u128.
    fn put_u128(&mut self, value: u128) {
        self.put(&value.to_be_bytes());
    }

    /// An i64.
    fn put_i64(&mut self, value: i64) {
        self.put(&value.to_be_bytes());
    }

    /// An i128.
    fn put_i128(&mut self, value: i128) {
        self.put(&value.to_be_bytes());
    }
}

impl Writer for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
