//! The calls into the kernel that the compiler cannot vouch for, each with its reason: a framebuffer's facts,
//! its memory, and the console on it.
//!
//! Numbers and layouts are those of `linux/fb.h` and `linux/kd.h`.
#![expect(unsafe_code, reason = "ioctl and mmap; nothing else of this crate has any")]

use std::ffi::c_ulong;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;

use nix::libc::{c_int, c_void};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// Where a colour is in a pixel: `fb_bitfield`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bitfield {
    pub(crate) offset: u32,
    pub(crate) length: u32,
    pub(crate) msb_right: u32,
}

/// What may change of a framebuffer: `fb_var_screeninfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) xres: u32,
    pub(crate) yres: u32,
    pub(crate) xres_virtual: u32,
    pub(crate) yres_virtual: u32,
    pub(crate) xoffset: u32,
    pub(crate) yoffset: u32,
    pub(crate) bits_per_pixel: u32,
    pub(crate) grayscale: u32,
    pub(crate) red: Bitfield,
    pub(crate) green: Bitfield,
    pub(crate) blue: Bitfield,
    pub(crate) transp: Bitfield,
    pub(crate) nonstd: u32,
    pub(crate) activate: u32,
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) accel_flags: u32,
    /// Picoseconds.
    pub(crate) pixclock: u32,
    pub(crate) left_margin: u32,
    pub(crate) right_margin: u32,
    pub(crate) upper_margin: u32,
    pub(crate) lower_margin: u32,
    pub(crate) hsync_len: u32,
    pub(crate) vsync_len: u32,
    pub(crate) sync: u32,
    pub(crate) vmode: u32,
    pub(crate) rotate: u32,
    pub(crate) colorspace: u32,
    pub(crate) reserved: [u32; 4],
}

/// What does not change of a framebuffer: `fb_fix_screeninfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) id: [u8; 16],
    pub(crate) smem_start: c_ulong,
    pub(crate) smem_len: u32,
    pub(crate) kind: u32,
    pub(crate) kind_aux: u32,
    pub(crate) visual: u32,
    pub(crate) xpanstep: u16,
    pub(crate) ypanstep: u16,
    pub(crate) ywrapstep: u16,
    pub(crate) line_length: u32,
    pub(crate) mmio_start: c_ulong,
    pub(crate) mmio_len: u32,
    pub(crate) accel: u32,
    pub(crate) capabilities: u16,
    pub(crate) reserved: [u16; 2],
}

mod calls {
    use super::{Fixed, Variable};

    nix::ioctl_read_bad!(variable, 0x4600, Variable);
    nix::ioctl_read_bad!(fixed, 0x4602, Fixed);
    nix::ioctl_write_ptr_bad!(pan, 0x4606, Variable);
    nix::ioctl_write_ptr!(wait_for_vsync, b'F', 0x20, u32);
    nix::ioctl_write_int_bad!(set_console, 0x4B3A);
    nix::ioctl_read_bad!(console, 0x4B3B, nix::libc::c_int);
}

/// `FBIOGET_VSCREENINFO`.
pub(crate) fn variable(device: impl AsFd) -> io::Result<Variable> {
    let mut facts = Variable::default();
    // SAFETY: the descriptor is open, and the kernel writes one `fb_var_screeninfo`, whose layout this is.
    unsafe { calls::variable(device.as_fd().as_raw_fd(), &raw mut facts) }?;
    Ok(facts)
}

/// `FBIOGET_FSCREENINFO`.
pub(crate) fn fixed(device: impl AsFd) -> io::Result<Fixed> {
    let mut facts = Fixed::default();
    // SAFETY: the descriptor is open, and the kernel writes one `fb_fix_screeninfo`, whose layout this is.
    unsafe { calls::fixed(device.as_fd().as_raw_fd(), &raw mut facts) }?;
    Ok(facts)
}

/// `FBIOPAN_DISPLAY`: which part of its memory is shown.
pub(crate) fn pan(device: impl AsFd, facts: &Variable) -> io::Result<()> {
    // The kernel writes back what it made of it.
    let mut facts = *facts;
    // SAFETY: the descriptor is open, and the kernel reads and writes one `fb_var_screeninfo`, which is ours
    // alone.
    unsafe { calls::pan(device.as_fd().as_raw_fd(), &raw mut facts) }?;
    Ok(())
}

/// `FBIO_WAITFORVSYNC`, of the first output.
pub(crate) fn wait_for_vsync(device: impl AsFd) -> io::Result<()> {
    let output = 0u32;
    // SAFETY: the descriptor is open, and the kernel reads one number.
    unsafe { calls::wait_for_vsync(device.as_fd().as_raw_fd(), &raw const output) }?;
    Ok(())
}

/// `KDGETMODE`: whether a console draws text, 0, or leaves the screen to programs, 1.
pub(crate) fn console(terminal: impl AsFd) -> io::Result<c_int> {
    let mut mode: c_int = 0;
    // SAFETY: the descriptor is open, and the kernel writes one int.
    unsafe { calls::console(terminal.as_fd().as_raw_fd(), &raw mut mode) }?;
    Ok(mode)
}

/// `KDSETMODE`.
pub(crate) fn set_console(terminal: impl AsFd, mode: c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the kernel takes the number as it is.
    unsafe { calls::set_console(terminal.as_fd().as_raw_fd(), mode) }?;
    Ok(())
}

/// Memory of a device, only ever written to; others may write to it, too, so that no reference to it exists.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<c_void>,
    length: NonZeroUsize,
}

// SAFETY: the mapping belongs to this value alone, and memory of a process may be used by any of its threads.
unsafe impl Send for Mapping {}

impl Mapping {
    pub(crate) fn of(device: impl AsFd, length: NonZeroUsize) -> io::Result<Self> {
        let (access, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: the kernel chooses the place, so that nothing that is in use is replaced; the mapping keeps
        // the device open by itself.
        let start = unsafe { mmap(None, length, access, flags, device, 0) }?;
        Ok(Self { start, length })
    }

    /// An error where it would not lie within the mapping.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let fits = offset.checked_add(bytes.len()).is_some_and(|end| end <= self.length.get());
        if !fits {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "beyond the memory of the display"));
        }
        // SAFETY: source and target are valid for so many bytes, the latter by the check above; they do not
        // overlap, since the mapping is only reachable through this value; whatever a device's memory holds
        // are bytes.
        unsafe {
            let target = self.start.as_ptr().cast::<u8>().add(offset);
            target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped at this place with this length, and nothing points into it any more.
        let _unmapped = unsafe { munmap(self.start, self.length.get()) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    #[test]
    fn the_layouts_are_those_of_the_kernel() {
        // `sizeof` of both on 64-bit Linux.
        assert_eq!(size_of::<Variable>(), 160);
        if size_of::<c_ulong>() == 8 {
            assert_eq!(size_of::<Fixed>(), 80);
        }
    }

    #[test]
    fn what_is_no_framebuffer_says_so() {
        let null = File::open("/dev/null").unwrap();
        assert!(variable(&null).is_err() && fixed(&null).is_err() && console(&null).is_err());
        assert!(wait_for_vsync(&null).is_err() && pan(&null, &Variable::default()).is_err());
    }

    #[test]
    fn memory_is_written_within_its_bounds_only() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 4096]).unwrap();
        let mut mapping = Mapping::of(&file, NonZeroUsize::new(4096).unwrap()).unwrap();
        mapping.write(4094, &[1, 2]).unwrap();
        for (offset, length) in [(4095, 2), (4097, 0), (usize::MAX, 1), (0, 4097)] {
            assert!(mapping.write(offset, &vec![0; length]).is_err(), "{offset} {length}");
        }
        drop(mapping);
        let written = std::os::unix::fs::FileExt::read_at;
        let mut end = [0; 3];
        written(&file, &mut end, 4093).unwrap();
        assert_eq!(end, [7, 1, 2]);
    }
}
