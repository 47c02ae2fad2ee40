//! How many connections the server holds, and how long one may be still.
//!
//! One too many is closed at once instead of waiting in the system's queue: whoever balances the load tries another node right away, a flood does
//! not keep health checks waiting behind it, and what was refused can be counted. A slow or silent peer loses its place: every connection on
//! which nothing is read or written for a while is closed, whatever protocol it speaks.

use std::future::{Ready, ready};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::app::App;

/// Lets connections in as long as there are places.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    app: Arc<App>,
    places: Arc<Semaphore>,
    idle: Duration,
}

impl Gate {
    /// A gate with this many places, to which connections come that may be still for `idle`.
    pub(super) fn new(app: &Arc<App>, places: u32, idle: Duration) -> Self {
        let places = usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            app: Arc::clone(app),
            places: Arc::new(Semaphore::new(places)),
            idle,
        }
    }

    fn admit(&self, stream: TcpStream) -> io::Result<Held<TcpStream>> {
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            let refused = self.app.metrics.refuse_connection();
            // The first, the second, the fourth ...: a flood does not fill the log.
            if refused.is_power_of_two() {
                tracing::warn!(
                    refused,
                    "every place for a connection is taken; raise connections.max, or find out who holds them"
                );
            }
            return Err(io::Error::other("too many connections"));
        };
        stream.set_nodelay(true)?;
        let place = Place::take(&self.app, permit);
        Ok(Held::new(stream, place, self.idle))
    }
}

impl<S> Accept<TcpStream, S> for Gate {
    type Stream = Held<TcpStream>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.admit(stream).map(|stream| (stream, service)))
    }
}

/// A connection's place, free again when this value goes.
#[derive(Debug)]
struct Place {
    app: Arc<App>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(app: &Arc<App>, permit: OwnedSemaphorePermit) -> Self {
        app.metrics.open_connection();
        Self {
            app: Arc::clone(app),
            _permit: permit,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.metrics.close_connection();
    }
}

/// A connection in its place.
#[derive(Debug)]
pub(super) struct Held<I> {
    io: I,
    idle: Duration,
    last: Instant,
    alarm: Pin<Box<Sleep>>,
    _place: Place,
}

impl<I: Unpin> Held<I> {
    fn new(io: I, place: Place, idle: Duration) -> Self {
        Self {
            io,
            idle,
            last: Instant::now(),
            alarm: Box::pin(tokio::time::sleep(idle)),
            _place: place,
        }
    }

    /// What became of an attempt to read or write: progress, or patience until it runs out.
    fn judge<T>(
        &mut self,
        attempt: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.last = Instant::now();
            return attempt;
        }
        // The alarm is set anew only when it rings: most connections move before that.
        while self.alarm.as_mut().poll(context).is_ready() {
            let until = self.last + self.idle;
            if until <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Held<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.io).poll_read(context, buffer);
        self.judge(attempt, context)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Held<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.io).poll_write(context, bytes);
        self.judge(attempt, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.judge(attempt, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    // Neither sends what was not written before: being done at once is no progress.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
