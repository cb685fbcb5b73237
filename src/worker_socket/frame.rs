//! A message on a stream: its length in four bytes, big-endian, then its body.

use std::io::{self, Read, Write};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

const HEADER_BYTES: usize = 4;

/// Reads one message of at most `limit_bytes`; the buffer is wiped when dropped.
///
/// # Errors
/// The stream ends or fails, or the message is longer.
pub async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    limit_bytes: usize,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).await?;
    let mut body = body_for(header, limit_bytes)?;
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// Writes one message.
///
/// # Errors
/// The stream fails.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), body: &[u8]) -> io::Result<()> {
    stream.write_all(&header_of(body)?).await?;
    stream.write_all(body).await
}

/// [`read`] for a process that does one thing at a time.
pub fn read_blocking(stream: &mut impl Read, limit_bytes: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let mut body = body_for(header, limit_bytes)?;
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// [`write`] for a process that does one thing at a time.
pub fn write_blocking(stream: &mut impl Write, body: &[u8]) -> io::Result<()> {
    stream.write_all(&header_of(body)?)?;
    stream.write_all(body)
}

fn header_of(body: &[u8]) -> io::Result<[u8; HEADER_BYTES]> {
    let length = u32::try_from(body.len()).map_err(|_| too_long())?;
    Ok(length.to_be_bytes())
}

/// A buffer for the body that the header announces.
fn body_for(header: [u8; HEADER_BYTES], limit_bytes: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = usize::try_from(u32::from_be_bytes(header)).map_err(|_| too_long())?;
    if length > limit_bytes {
        return Err(too_long());
    }
    Ok(Zeroizing::new(vec![0; length]))
}

fn too_long() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a message is longer than what is taken",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_ways_of_reading_and_writing_agree() {
        let mut written = Vec::new();
        write(&mut written, b"one").await.unwrap();
        write_blocking(&mut written, b"").unwrap();
        assert_eq!(written, b"\0\0\0\x03one\0\0\0\0");
        let (mut first, mut second) = (written.as_slice(), written.as_slice());
        assert_eq!(*read(&mut first, 3).await.unwrap(), b"one");
        assert_eq!(*read_blocking(&mut second, 3).unwrap(), b"one");
        assert_eq!(*read(&mut first, 3).await.unwrap(), b"");
        assert_eq!(
            read(&mut first, 3).await.unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[tokio::test]
    async fn a_length_that_is_too_long_is_not_waited_for() {
        let announced = [0xff; 8];
        let error = read(&mut announced.as_slice(), 2048).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let error = read_blocking(&mut announced.as_slice(), 2048).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
