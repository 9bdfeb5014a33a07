//! What only a preloaded library does: it stands before functions of the C library, changes what concerns us, and hands
//! everything else on as it came.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use libc::{addrinfo, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};

use crate::environment;
use crate::members::Members;

/// Where SDKs look for the platform's library.
const LIBRARY: &CStr = c"/usr/lib/libvoidstar.so";

type Dlopen = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
type Connect = unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int;
type GetAddrInfo =
    unsafe extern "C" fn(*const c_char, *const c_char, *const addrinfo, *mut *mut addrinfo) -> c_int;

/// Opens a library. The C library looks at where it is called from, to find what lies beside the caller; so this must
/// not call it but jump to it, as if it had never been here.
///
/// # Safety
/// That of the C library's function of this name.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void {
    core::arch::naked_asm!(
        "push rdi",
        "push rsi",
        "sub rsp, 8",
        "call {opener}",
        "add rsp, 8",
        "pop rsi",
        "pop rdi",
        "jmp rax",
        opener = sym opener,
    )
}

/// Opens a library. The C library looks at where it is called from, to find what lies beside the caller; so this must
/// not call it but jump to it, as if it had never been here.
///
/// # Safety
/// That of the C library's function of this name.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void {
    core::arch::naked_asm!(
        "stp x29, x30, [sp, #-32]!",
        "stp x0, x1, [sp, #16]",
        "bl {opener}",
        "mov x16, x0",
        "ldp x0, x1, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "br x16",
        opener = sym opener,
    )
}

/// Who answers this `dlopen`: this library where it is the one that is looked for, else the C library.
unsafe extern "C" fn opener(path: *const c_char, _flags: c_int) -> Dlopen {
    // SAFETY: whoever calls `dlopen` gives a C string or nothing.
    let ours = !path.is_null() && unsafe { CStr::from_ptr(path) } == LIBRARY;
    if ours { open_this } else { real_dlopen() }
}

/// A handle on this very library, for symbols to be looked up in.
unsafe extern "C" fn open_this(path: *const c_char, flags: c_int) -> *mut c_void {
    let here: *const c_void = (open_this as *const ()).cast();
    // SAFETY: all fields of this struct may be zero, and the function fills it in.
    let mut info: libc::Dl_info = unsafe { mem::zeroed() };
    // SAFETY: any address may be asked for.
    let known = unsafe { libc::dladdr(here, &raw mut info) } != 0 && !info.dli_fname.is_null();
    let file = if known { info.dli_fname } else { path };
    // SAFETY: `file` is a C string: the loader's own, or what the caller gave.
    unsafe { real_dlopen()(file, flags) }
}

/// Connects a socket; a member's stand-in address leads to the member.
///
/// # Safety
/// That of the C library's function of this name.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn connect(socket: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: the caller's promise about `address` and `length`.
    match unsafe { led(address, length) } {
        // SAFETY: an address of this kind and length is what `connect` takes.
        Some(Led::V4(led)) => unsafe { real_connect()(socket, (&raw const led).cast(), LENGTH_V4) },
        // SAFETY: as above.
        Some(Led::V6(led)) => unsafe { real_connect()(socket, (&raw const led).cast(), LENGTH_V6) },
        // SAFETY: handed on as it came.
        None => unsafe { real_connect()(socket, address, length) },
    }
}

/// Where a connection is led to. An IPv6 socket reaches IPv4 addresses, too, in a notation of its own.
enum Led {
    V4(sockaddr_in),
    V6(sockaddr_in6),
}

const LENGTH_V4: socklen_t = size_of::<sockaddr_in>() as socklen_t;
const LENGTH_V6: socklen_t = size_of::<sockaddr_in6>() as socklen_t;

/// # Safety
/// `address` is null or points to `length` readable bytes of a socket address.
unsafe fn led(address: *const sockaddr, length: socklen_t) -> Option<Led> {
    let members = members()?;
    if address.is_null() || length < LENGTH_V4 {
        return None;
    }
    // SAFETY: not null, and long enough for what every socket address begins with.
    let family = c_int::from(unsafe { (*address).sa_family });
    if family == libc::AF_INET {
        // SAFETY: the family says that it is of this kind, and it is long enough.
        let mut led: sockaddr_in = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
        let to = members.led(Ipv4Addr::from(u32::from_be(led.sin_addr.s_addr)))?;
        led.sin_addr.s_addr = u32::from(*to.ip()).to_be();
        led.sin_port = to.port().to_be();
        return Some(Led::V4(led));
    }
    if family != libc::AF_INET6 || length < LENGTH_V6 {
        return None;
    }
    // SAFETY: the family says that it is of this kind, and it is long enough.
    let mut led: sockaddr_in6 = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
    let to = members.led(Ipv6Addr::from(led.sin6_addr.s6_addr).to_ipv4_mapped()?)?;
    led.sin6_addr.s6_addr = to.ip().to_ipv6_mapped().octets();
    led.sin6_port = to.port().to_be();
    Some(Led::V6(led))
}

/// Looks a name up; a member's is answered with its stand-in address.
///
/// # Safety
/// That of the C library's function of this name.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    found: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: a C string or nothing, as whoever calls this promises.
    let name = if node.is_null() { None } else { Some(unsafe { CStr::from_ptr(node) }) };
    let stand_in = name.zip(members()).and_then(|(name, members)| members.stand_in(name.to_bytes()));
    let stand_in = stand_in.and_then(|address| CString::new(address.to_string()).ok());
    let node = stand_in.as_ref().map_or(node, |address| address.as_ptr());
    // SAFETY: handed on as it came, but for a name that lives until this returns.
    unsafe { real_getaddrinfo()(node, service, hints, found) }
}

fn members() -> Option<&'static Members> {
    static MEMBERS: OnceLock<Option<Members>> = OnceLock::new();
    MEMBERS.get_or_init(|| Some(Members::parse(environment::members()?.to_str()?))).as_ref()
}

fn real_dlopen() -> Dlopen {
    static REAL: OnceLock<Dlopen> = OnceLock::new();
    // SAFETY: the C library's function of that name has this type.
    *REAL.get_or_init(|| unsafe { mem::transmute::<*mut c_void, Dlopen>(next(c"dlopen")) })
}

fn real_connect() -> Connect {
    static REAL: OnceLock<Connect> = OnceLock::new();
    // SAFETY: the C library's function of that name has this type.
    *REAL.get_or_init(|| unsafe { mem::transmute::<*mut c_void, Connect>(next(c"connect")) })
}

fn real_getaddrinfo() -> GetAddrInfo {
    static REAL: OnceLock<GetAddrInfo> = OnceLock::new();
    // SAFETY: the C library's function of that name has this type.
    *REAL.get_or_init(|| unsafe { mem::transmute::<*mut c_void, GetAddrInfo>(next(c"getaddrinfo")) })
}

/// The function of this name that the program would have called without us.
fn next(name: &CStr) -> *mut c_void {
    // SAFETY: a C string, and a handle that is always valid.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    if found.is_null() {
        // Every C library that can load this one has these; to go on with nothing would be worse.
        std::process::abort();
    }
    found
}
