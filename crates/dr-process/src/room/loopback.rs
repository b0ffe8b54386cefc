//! How does a room get a loopback of its own? Its network has nothing else, and that is down at first.

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

/// `RTM_NEWLINK`, which also changes.
const NEWLINK: u16 = 16;
/// `NLM_F_REQUEST` and `NLM_F_ACK`.
const REQUEST: u16 = 1 | 4;
/// `NLMSG_ERROR`, which is the answer in any case.
const ANSWER: u16 = 2;
/// In a network of its own the loopback is the first.
const LOOPBACK: i32 = 1;
/// `IFF_UP`.
const UP: u32 = 1;

/// Brings it up.
pub(super) fn up() -> rustix::io::Result<()> {
    // The first protocol of its family, which says nothing, is the one about devices.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    sendto(&socket, &request(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0_u8; 1024];
    let (count, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    match said(&answer[..count]) {
        Some(0) => Ok(()),
        Some(code) => Err(Errno::from_raw_os_error(-code)),
        None => Err(Errno::PROTO),
    }
}

/// A header of 16 bytes, and 16 bytes on the device.
fn request() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(32_u32.to_ne_bytes());
    bytes.extend(NEWLINK.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([0; 4]);
    bytes.extend(LOOPBACK.to_ne_bytes());
    bytes.extend(UP.to_ne_bytes());
    bytes.extend(UP.to_ne_bytes());
    bytes
}

/// What an answer says: 0, or why not.
fn said(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?);
    (kind == ANSWER && code <= 0).then_some(code)
}
