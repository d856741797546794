// Counts the values of a frame of bytes: the answer is 256 u32. An example of ABI v1 (platform/instance/ABI.md) in Rust.

#[link(wasm_import_module = "pilotfish")]
extern "C" {
    fn log(level: i32, text: *const u8, length: usize);
}

static mut INPUT: Vec<u8> = Vec::new();
static mut COUNTS: [u32; 256] = [0; 256];

#[no_mangle]
pub extern "C" fn alloc(length: usize) -> *mut u8 {
    unsafe {
        let input = &mut *std::ptr::addr_of_mut!(INPUT);
        input.resize(length, 0);
        input.as_mut_ptr()
    }
}

/// # Safety
/// `pointer` is what `alloc` gave for this length.
#[no_mangle]
pub unsafe extern "C" fn handle(pointer: *const u8, length: usize) -> u64 {
    let counts = &mut *std::ptr::addr_of_mut!(COUNTS);
    counts.fill(0);
    if length > 0 {
        for value in std::slice::from_raw_parts(pointer, length) {
            counts[*value as usize] += 1;
        }
    }
    let text = format!("counted {length} values");
    log(0, text.as_ptr(), text.len());
    (counts.as_ptr() as u64) << 32 | std::mem::size_of_val(counts) as u64
}
