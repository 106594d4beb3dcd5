//! stub
use crate::engine::Engine;
impl Engine {
    pub(crate) fn waterfall(&mut self, _group: u16) {}
}
