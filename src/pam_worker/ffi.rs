//! The calls into libpam, and the one into the C library that no crate wraps: the only `unsafe` code of the program.
//! What is answered to modules and what their return codes mean is decided elsewhere (`conversation`, `transaction`).
#![allow(
    unsafe_code,
    reason = "PAM is a C library; no crate wraps what is needed of it"
)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use nix::libc;
use pam::PamReturnCode;
use pam::ffi::{
    PAM_BUF_ERR, PAM_CHANGE_EXPIRED_AUTHTOK, PAM_CONV_ERR, PAM_DISALLOW_NULL_AUTHTOK, PAM_ERROR_MSG,
    PAM_FAIL_DELAY, PAM_MAX_NUM_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_RHOST, PAM_SUCCESS,
    PAM_TEXT_INFO, PAM_TTY, PAM_USER, pam_acct_mgmt, pam_authenticate, pam_chauthtok, pam_conv, pam_end,
    pam_get_item, pam_handle_t, pam_message, pam_response, pam_set_item, pam_start, pam_start_confdir,
    pam_strerror,
};
use zeroize::{Zeroize, Zeroizing};

use super::answers::Dates;
use super::conversation::{Conversation, NoAnswer, Style};

/// Longest shadow entry in bytes, its password hash included.
const SHADOW_BYTES_MAX: usize = 64 * 1024;

/// The dates of an account (getspnam(3)); none where there is no such entry or no right to it.
pub(super) fn dates(user: &CStr) -> Dates {
    // Wiped, since the password's hash comes with the dates.
    let mut text = Zeroizing::new(vec![0; SHADOW_BYTES_MAX]);
    let mut entry = std::mem::MaybeUninit::<libc::spwd>::zeroed();
    let mut found = ptr::null_mut();
    // SAFETY: `user` ends with a NUL, and the call writes no further than it is told that the buffers reach.
    let status = unsafe {
        libc::getspnam_r(
            user.as_ptr(),
            entry.as_mut_ptr(),
            text.as_mut_ptr().cast(),
            text.len(),
            &raw mut found,
        )
    };
    // SAFETY: it is null, or points to `entry`, which then was filled in.
    let Some(found) = (unsafe { found.as_ref() }).filter(|_| status == 0) else {
        return Dates::default();
    };
    // A field without a number is -1.
    let day = |days: libc::c_long| u32::try_from(days).ok().filter(|day| *day != u32::MAX);
    Dates {
        password_changed: day(found.sp_lstchg),
        expires: day(found.sp_expire),
    }
}

/// One PAM transaction, ended when dropped.
pub(super) struct Pam {
    handle: *mut pam_handle_t,
    /// The callbacks hold its address for as long as the handle lives.
    conversation: Rc<RefCell<Conversation>>,
    status: c_int,
}

/// An item of a transaction (pam_set_item(3)).
#[derive(Debug, Clone, Copy)]
pub(super) enum Item {
    /// `PAM_RHOST`: the host the user comes from.
    RemoteHost,
    /// `PAM_TTY`: the terminal, or what stands for it.
    Terminal,
}

impl Pam {
    /// Begins a transaction; `folder` holds the service's file where it is not `/etc/pam.d`.
    ///
    /// # Errors
    /// PAM's own code: the service cannot be read, or a module of it cannot be loaded.
    pub(super) fn start(
        service: &CStr,
        user: &CStr,
        folder: Option<&Path>,
        conversation: Conversation,
    ) -> Result<Self, PamReturnCode> {
        let conversation = Rc::new(RefCell::new(conversation));
        let callback = pam_conv {
            conv: Some(converse),
            appdata_ptr: Rc::as_ptr(&conversation).cast_mut().cast(),
        };
        let folder = folder.map(c_path).transpose()?;
        let mut handle = ptr::null_mut();
        // SAFETY: all pointers are to values that live through the call, the strings end in NUL, and libpam
        // copies the strings and the `pam_conv`. What `appdata_ptr` points to is
        // shared, never moved, and outlives the handle.
        let status = unsafe {
            match &folder {
                None => pam_start(
                    service.as_ptr(),
                    user.as_ptr(),
                    &raw const callback,
                    &raw mut handle,
                ),
                Some(folder) => pam_start_confdir(
                    service.as_ptr(),
                    user.as_ptr(),
                    &raw const callback,
                    folder.as_ptr(),
                    &raw mut handle,
                ),
            }
        };
        if status != PAM_SUCCESS || handle.is_null() {
            return Err(PamReturnCode::from(status));
        }
        let mut pam = Self {
            handle,
            conversation,
            status,
        };
        pam.take_over_delay()?;
        Ok(pam)
    }

    /// Lets a failure's delay be noted instead of slept.
    fn take_over_delay(&mut self) -> Result<(), PamReturnCode> {
        let note: extern "C" fn(c_int, c_uint, *mut c_void) = note_delay;
        // SAFETY: the handle is live. pam_fail_delay(3) defines this item as a pointer to a function of exactly
        // this type; function and data pointers are of one size wherever libpam runs (POSIX demands it for
        // dlsym(3)).
        let status = unsafe { pam_set_item(self.handle, PAM_FAIL_DELAY, note as *const c_void) };
        self.ended(status).map_err(|(code, _)| code)
    }

    /// Sets an item.
    ///
    /// # Errors
    /// PAM's own code.
    pub(super) fn set(&mut self, item: Item, value: &CStr) -> Result<(), PamReturnCode> {
        let item = match item {
            Item::RemoteHost => PAM_RHOST,
            Item::Terminal => PAM_TTY,
        };
        // SAFETY: the handle is live, both items are strings ending in NUL, and libpam copies them.
        let status = unsafe { pam_set_item(self.handle, item, value.as_ptr().cast()) };
        self.ended(status).map_err(|(code, _)| code)
    }

    /// `PAM_USER` as the modules left it; none if they left no name in UTF-8.
    pub(super) fn user(&self) -> Option<String> {
        let mut item: *const c_void = ptr::null();
        // SAFETY: the handle is live and `item` is a place for one pointer.
        let status = unsafe { pam_get_item(self.handle, PAM_USER, &raw mut item) };
        if status != PAM_SUCCESS || item.is_null() {
            return None;
        }
        // SAFETY: PAM_USER is a string ending in NUL; it stays until the next call with this handle, and is
        // copied here.
        let user = unsafe { CStr::from_ptr(item.cast()) };
        user.to_str().ok().map(str::to_owned)
    }

    /// Has the password checked; an empty one is never right.
    ///
    /// # Errors
    /// Any code but success, and its words.
    pub(super) fn authenticate(&mut self) -> Result<(), (PamReturnCode, String)> {
        // SAFETY: the handle is live, and nothing of the conversation is borrowed.
        let status = unsafe { pam_authenticate(self.handle, PAM_DISALLOW_NULL_AUTHTOK) };
        self.ended(status)
    }

    /// Asks whether the account may log in here and now.
    ///
    /// # Errors
    /// Any code but success, and its words.
    pub(super) fn check_account(&mut self) -> Result<(), (PamReturnCode, String)> {
        // SAFETY: the handle is live, and nothing of the conversation is borrowed.
        let status = unsafe { pam_acct_mgmt(self.handle, PAM_DISALLOW_NULL_AUTHTOK) };
        self.ended(status)
    }

    /// Changes the password; `expired` says that it is one that must be changed.
    ///
    /// # Errors
    /// Any code but success, and its words.
    pub(super) fn change_password(&mut self, expired: bool) -> Result<(), (PamReturnCode, String)> {
        let flags = if expired { PAM_CHANGE_EXPIRED_AUTHTOK } else { 0 };
        // SAFETY: the handle is live, and nothing of the conversation is borrowed.
        let status = unsafe { pam_chauthtok(self.handle, flags) };
        self.ended(status)
    }

    /// What was said so far. Not to be held over a call that runs modules.
    pub(super) fn conversation(&self) -> &RefCell<Conversation> {
        &self.conversation
    }

    /// Remembers how the last call ended, for pam_end(3).
    fn ended(&mut self, status: c_int) -> Result<(), (PamReturnCode, String)> {
        self.status = status;
        if status == PAM_SUCCESS {
            return Ok(());
        }
        // SAFETY: the handle is live.
        let words = unsafe { pam_strerror(self.handle, status) };
        let words = if words.is_null() {
            String::new()
        } else {
            // SAFETY: pam_strerror gives a string ending in NUL that nobody frees.
            unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned()
        };
        Err((PamReturnCode::from(status), words))
    }
}

impl Drop for Pam {
    fn drop(&mut self) {
        // SAFETY: the handle came from pam_start and is not used again; the conversation is dropped after this.
        let _ = unsafe { pam_end(self.handle, self.status) };
    }
}

fn c_path(path: &Path) -> Result<CString, PamReturnCode> {
    CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| PamReturnCode::Open_Err)
}

/// The delay function of `PAM_FAIL_DELAY`. libpam calls it at the end of every pam_authenticate.
extern "C" fn note_delay(status: c_int, microseconds: c_uint, conversation: *mut c_void) {
    if status == PAM_SUCCESS {
        return;
    }
    // A panic must not unwind into C; what is lost is a delay.
    let _ = catch_unwind(|| {
        // SAFETY: libpam hands on the `appdata_ptr` of this transaction's `pam_conv`.
        if let Some(conversation) = unsafe { conversation.cast::<RefCell<Conversation>>().as_ref() }
            && let Ok(mut conversation) = conversation.try_borrow_mut()
        {
            conversation.hold_back(Duration::from_micros(microseconds.into()));
        }
    });
}

/// The conversation function (pam_conv(3)).
extern "C" fn converse(
    count: c_int,
    messages: *mut *const pam_message,
    responses: *mut *mut pam_response,
    conversation: *mut c_void,
) -> c_int {
    let answer = || {
        let count = match usize::try_from(count) {
            Ok(count) if (1..=PAM_MAX_NUM_MSG.unsigned_abs() as usize).contains(&count) => count,
            _ => return PAM_CONV_ERR,
        };
        if messages.is_null() || responses.is_null() {
            return PAM_CONV_ERR;
        }
        // SAFETY: libpam hands on the `appdata_ptr` of this transaction's `pam_conv`.
        let Some(conversation) = (unsafe { conversation.cast::<RefCell<Conversation>>().as_ref() }) else {
            return PAM_CONV_ERR;
        };
        let Ok(mut conversation) = conversation.try_borrow_mut() else {
            return PAM_CONV_ERR;
        };
        let Some(mut answers) = Answers::new(count) else {
            return PAM_BUF_ERR;
        };
        for index in 0..count {
            // SAFETY: on Linux-PAM this is an array of `count` pointers, each to one message.
            let Some(message) = (unsafe { (*messages.add(index)).as_ref() }) else {
                return PAM_CONV_ERR;
            };
            match conversation.answer(style(message.msg_style), &text(message.msg)) {
                Ok(None) => {}
                Ok(Some(password)) => {
                    if !answers.put(index, password.expose()) {
                        return PAM_BUF_ERR;
                    }
                }
                Err(NoAnswer) => return PAM_CONV_ERR,
            }
        }
        // SAFETY: the module gave a place for one pointer, and takes over what it points to.
        unsafe { *responses = answers.give() };
        PAM_SUCCESS
    };
    // A panic must not unwind into C.
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or(PAM_CONV_ERR)
}

fn style(number: c_int) -> Style {
    match number {
        PAM_PROMPT_ECHO_OFF => Style::EchoOff,
        PAM_PROMPT_ECHO_ON => Style::EchoOn,
        PAM_ERROR_MSG | PAM_TEXT_INFO => Style::Tell,
        _ => Style::Unknown,
    }
}

/// A module's words; a null pointer is none.
fn text(message: *const c_char) -> String {
    if message.is_null() {
        return String::new();
    }
    // SAFETY: pam_conv(3): `msg` is a string ending in NUL, and it is copied here.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}

/// Answers in the memory of C, which the module frees; wiped and freed here if they are never given.
struct Answers {
    first: *mut pam_response,
    count: usize,
}

impl Answers {
    fn new(count: usize) -> Option<Self> {
        // SAFETY: calloc has no preconditions; zeroed memory is a valid array of empty responses.
        let first: *mut pam_response = unsafe { libc::calloc(count, size_of::<pam_response>()) }.cast();
        (!first.is_null()).then_some(Self { first, count })
    }

    /// Puts a copy of `answer`, which has no NUL in it, at this place. False if there is no memory
    /// or no such place.
    fn put(&mut self, index: usize, answer: &str) -> bool {
        if index >= self.count {
            return false;
        }
        // SAFETY: calloc has no preconditions; the last byte stays the NUL that ends the string.
        let copy: *mut u8 = unsafe { libc::calloc(answer.len() + 1, 1) }.cast();
        if copy.is_null() {
            return false;
        }
        // SAFETY: `copy` holds one byte more than `answer`, and the index was checked.
        unsafe {
            ptr::copy_nonoverlapping(answer.as_ptr(), copy, answer.len());
            (*self.first.add(index)).resp = copy.cast();
        }
        true
    }

    /// Leaves the array to the caller.
    fn give(mut self) -> *mut pam_response {
        self.count = 0;
        std::mem::replace(&mut self.first, ptr::null_mut())
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for index in 0..self.count {
            // SAFETY: the array has `count` responses; each holds null or a string of `put`, which is not used
            // again.
            unsafe {
                let answer = (*self.first.add(index)).resp;
                if !answer.is_null() {
                    let length = CStr::from_ptr(answer).count_bytes();
                    std::slice::from_raw_parts_mut(answer.cast::<u8>(), length).zeroize();
                    libc::free(answer.cast());
                }
            }
        }
        // SAFETY: the array came from calloc and was not given away, or is null.
        unsafe { libc::free(self.first.cast()) };
    }
}
