//! `__rust_probestack`, which wasmer-vm refers to and the Rust compiler's runtime has not had since 1.89.
//!
//! Called with a frame's size in rax before the frame is made: touches each of its pages, so that an overflow hits the
//! guard page, and changes no register but r11. It is weak, so that an older compiler's own takes its place.

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".text",
    ".weak __rust_probestack",
    ".hidden __rust_probestack",
    ".type __rust_probestack, @function",
    "__rust_probestack:",
    "push rbp",
    "mov rbp, rsp",
    "mov r11, rax",
    "2:",
    "cmp r11, 4096",
    "jbe 3f",
    "sub rsp, 4096",
    "or qword ptr [rsp], 0",
    "sub r11, 4096",
    "jmp 2b",
    "3:",
    "sub rsp, r11",
    "or qword ptr [rsp], 0",
    "mov rsp, rbp",
    "pop rbp",
    "ret",
    ".size __rust_probestack, . - __rust_probestack",
);
