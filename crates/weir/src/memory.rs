//! The allocator, and how what a burst needed returns to the system.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

/// Faster than the system's allocator for many small, short-lived pieces, and returns memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often an idle process is made to look for memory to return. mimalloc returns what was unused
/// for a second.
const EVERY: Duration = Duration::from_secs(2);

/// Enough to get pages of its own, in bytes.
const OWN_PAGES: usize = 1 << 20;

/// Has unused memory returned, for as long as it is polled. mimalloc looks for some only when it
/// takes or frees whole pages, which a process with thousands of quiet streams may not do for hours.
pub(crate) async fn give_back() -> Infallible {
    loop {
        tokio::time::sleep(EVERY).await;
        drop(black_box(Vec::<u8>::with_capacity(OWN_PAGES)));
    }
}
