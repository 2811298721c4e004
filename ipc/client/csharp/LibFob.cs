// The access token of this device's fob daemon, for apps in C#: Unity (Mono and IL2CPP), Mono, .NET. P/Invoke over
// libfob.so.0; one file to copy, C# 7.3 and netstandard2.0, without unsafe code and reflection.
//
//   using (var source = new Fob.TokenSource("prod-query"))
//   using (var token = source.Get())
//       request.SetRequestHeader("Authorization", "Bearer " + token.GetText());
//
// Ask for each use, do not keep the token: mostly that reads shared memory. One that has expired is never returned.
// A token shows its fingerprint wherever it is printed, and itself by GetText() alone: a method, so that loggers and
// serialisers that walk properties do not come upon it.
//
// Threads may share a source. Dispose() is safe at any time: a call under way in another thread ends as it would.
// Get(), ReportRejected() and Wait() may block, so not on the thread that draws: there, Change (in each Update(), it
// only reads) and GetAsync().
//
// libfob.so.0 is found where the system has it. A Unity project that brings its own as Assets/Plugins/…/libfob.so
// defines FOB_BUNDLED.
using System;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Tasks;

namespace Fob
{
    /// <summary>What libfob's functions return (fob.h).</summary>
    public enum Status
    {
        Ok = 0,
        Failed = 1,
        Usage = 2,
        NotRunning = 3,
        NotGranted = 4,
        NoToken = 5,
        CredentialRejected = 6,
        Config = 7,
        Store = 8,
        TimedOut = 100,
        TooSmall = 101,
    }

    /// <summary>Why there is no token: Status for the program, Message for a person. The words are the source's latest;
    /// where two threads fail at once, one may tell the other's.</summary>
    public sealed class FobException : Exception
    {
        public Status Status { get; }

        internal FobException(Status status, string words) : base(words) { Status = status; }
    }

    /// <summary>One token, as it was when it was asked for. Wiped when it is disposed of or collected, but not the
    /// strings that GetText() made of it.</summary>
    public sealed class Token : IDisposable
    {
        readonly TokenHandle handle;

        internal Token(TokenHandle handle) { this.handle = handle; }

        /// <summary>What goes behind "Bearer ". A secret: not for logs.</summary>
        public string GetText()
        {
            var bytes = GetBytes();
            try { return Encoding.ASCII.GetString(bytes); }
            finally { Array.Clear(bytes, 0, bytes.Length); }
        }

        /// <summary>The same for those who wipe it themselves, with Array.Clear().</summary>
        public byte[] GetBytes()
        {
            var bytes = new byte[checked((int)Native.fob_token_length(handle))];
            // The text is the token's, which must not go while it is copied.
            var held = false;
            try
            {
                handle.DangerousAddRef(ref held);
                Marshal.Copy(Native.fob_token_text(handle), bytes, 0, bytes.Length);
                return bytes;
            }
            finally { if (held) handle.DangerousRelease(); }
        }

        /// <summary>Its only form for logs: the first 8 hex digits of its SHA-256.</summary>
        public string Fingerprint
        {
            get
            {
                var held = false;
                try
                {
                    handle.DangerousAddRef(ref held);
                    return Native.Words(Native.fob_token_fingerprint(handle));
                }
                finally { if (held) handle.DangerousRelease(); }
            }
        }

        /// <summary>How long it lives from now, suspend included; zero once that is over.</summary>
        public TimeSpan ExpiresIn
        {
            get { return TimeSpan.FromMilliseconds(Native.fob_token_expires_in_ms(handle)); }
        }

        public override string ToString() { return handle.IsClosed ? "token" : "token " + Fingerprint; }

        public void Dispose() { handle.Dispose(); }
    }

    /// <summary>Where tokens of one profile come from. It need not reach a daemon to be made.</summary>
    public sealed class TokenSource : IDisposable
    {
        static readonly TimeSpan defaultWait = TimeSpan.FromSeconds(5);
        const int looksUpMs = 1000;

        readonly SourceHandle handle;

        /// <summary>profile: null for $FOB_PROFILE, else the daemon's default one. socket: the path of the daemon's app
        /// socket; null for the usual ones (fob.h).</summary>
        public TokenSource(string profile = null, string socket = null)
        {
            handle = new SourceHandle();
            IntPtr source;
            var status = Native.fob_open(Native.Bytes(profile, "profile"), Native.Bytes(socket, "socket"), out source);
            if (status != (int)Status.Ok)
            {
                handle.Dispose();
                throw new FobException((Status)status, Native.Words(Native.fob_status_text(status)));
            }
            handle.Take(source);
        }

        /// <summary>A token that is alive. minTtl: how long it must live at least; where less is left a new one is
        /// fetched first, and if that is not to be had, the one that still lives is returned all the same. null: as the
        /// daemon sees fit. wait: how long to wait while there is no token or no daemon yet, up to 60 s; null for 5
        /// s.</summary>
        public Token Get(TimeSpan? minTtl = null, TimeSpan? wait = null)
        {
            var taken = new TokenHandle();
            IntPtr token;
            var status = Native.fob_get_token(handle, minTtl.HasValue ? Milliseconds(minTtl.Value, "minTtl") : -1,
                                              Milliseconds(wait ?? defaultWait, "wait"), out token);
            if (status != (int)Status.Ok) taken.Dispose();
            Check(status);
            taken.Take(token);
            return new Token(taken);
        }

        /// <summary>Get() on a thread of the pool, which it keeps for as long as it waits. There is no cancelling it;
        /// `wait` bounds it.</summary>
        public Task<Token> GetAsync(TimeSpan? minTtl = null, TimeSpan? wait = null)
        {
            return Task.Run(() => Get(minTtl, wait));
        }

        /// <summary>An API answered 401 to this token. Once this returns, Get() has another one. Status.NoToken: there
        /// is none in its place yet, or it has just replaced one that was reported, and the API refuses it for another
        /// reason. Blocks for 10 s mostly, 50 s at most.</summary>
        public void ReportRejected(Token token)
        {
            if (token == null) throw new ArgumentNullException("token");
            var bytes = token.GetBytes();
            try { Check(Native.fob_report_rejected(handle, bytes, (UIntPtr)bytes.Length)); }
            finally { Array.Clear(bytes, 0, bytes.Length); }
        }

        public Task ReportRejectedAsync(Token token) { return Task.Run(() => ReportRejected(token)); }

        /// <summary>A number that changes whenever what Get() would return may have changed. Never 0.</summary>
        public ulong Change { get { return Native.fob_change(handle); } }

        /// <summary>Waits until Change is not `since` any more, and returns it; `since` after `timeout` (null: never).
        /// Looks up once a second, so that Dispose() ends it; then it throws ObjectDisposedException.</summary>
        public ulong Wait(ulong since, TimeSpan? timeout = null)
        {
            var left = timeout.HasValue ? Milliseconds(timeout.Value, "timeout") : long.MaxValue;
            while (true)
            {
                ulong seen;
                var now = Math.Min(left, looksUpMs);
                var status = Native.fob_wait(handle, since, now, out seen);
                if (status != (int)Status.TimedOut)
                {
                    Check(status);
                    return seen;
                }
                if (timeout.HasValue) left -= now;
                if (left == 0) return since;
            }
        }

        /// <summary>For poll(2) and epoll(7): readable once Change may have changed, until Acknowledge(). Not to be
        /// read or closed.</summary>
        public int Descriptor
        {
            get
            {
                var descriptor = Native.fob_descriptor(handle);
                if (descriptor < 0) throw new FobException(Status.Failed, LastError());
                return descriptor;
            }
        }

        /// <summary>To be called when Descriptor is readable, which is then quiet until the next change. Returns
        /// Change; never blocks.</summary>
        public ulong Acknowledge()
        {
            ulong seen;
            Check(Native.fob_acknowledge(handle, out seen));
            return seen;
        }

        public void Dispose() { handle.Dispose(); }

        void Check(int status)
        {
            if (status == (int)Status.Ok) return;
            var words = LastError();
            throw new FobException((Status)status, words.Length > 0 ? words : Native.Words(Native.fob_status_text(status)));
        }

        string LastError()
        {
            var words = new byte[512];
            while (true)
            {
                var length = checked((int)Native.fob_last_error(handle, words, (UIntPtr)words.Length));
                if (length < words.Length) return Encoding.UTF8.GetString(words, 0, length);
                words = new byte[length + 1];
            }
        }

        // Rounded up. Never negative, which would mean something else to libfob.
        static long Milliseconds(TimeSpan span, string what)
        {
            if (span < TimeSpan.Zero) throw new ArgumentOutOfRangeException(what);
            return (long)Math.Ceiling(span.TotalMilliseconds);
        }
    }

    // The runtime holds a handle for the time of a call, so that none is freed during one.
    internal sealed class SourceHandle : SafeHandle
    {
        public SourceHandle() : base(IntPtr.Zero, true) { }
        public override bool IsInvalid { get { return handle == IntPtr.Zero; } }
        public void Take(IntPtr source) { SetHandle(source); }
        protected override bool ReleaseHandle()
        {
            Native.fob_close(handle);
            return true;
        }
    }

    internal sealed class TokenHandle : SafeHandle
    {
        public TokenHandle() : base(IntPtr.Zero, true) { }
        public override bool IsInvalid { get { return handle == IntPtr.Zero; } }
        public void Take(IntPtr token) { SetHandle(token); }
        protected override bool ReleaseHandle()
        {
            Native.fob_token_free(handle);
            return true;
        }
    }

    // fob.h, with strings as bytes: what a runtime makes of a `string` depends on the runtime.
    internal static class Native
    {
#if FOB_BUNDLED
        const string Library = "fob";
#else
        const string Library = "libfob.so.0";
#endif

        [DllImport(Library)] internal static extern int fob_open(byte[] profile, byte[] socket, out IntPtr source);
        [DllImport(Library)] internal static extern void fob_close(IntPtr source);
        [DllImport(Library)]
        internal static extern int fob_get_token(SourceHandle source, long minTtlMs, long waitMs, out IntPtr token);
        [DllImport(Library)] internal static extern IntPtr fob_token_text(TokenHandle token);
        [DllImport(Library)] internal static extern UIntPtr fob_token_length(TokenHandle token);
        [DllImport(Library)] internal static extern IntPtr fob_token_fingerprint(TokenHandle token);
        [DllImport(Library)] internal static extern long fob_token_expires_in_ms(TokenHandle token);
        [DllImport(Library)] internal static extern void fob_token_free(IntPtr token);
        [DllImport(Library)]
        internal static extern int fob_report_rejected(SourceHandle source, byte[] token, UIntPtr length);
        [DllImport(Library)] internal static extern ulong fob_change(SourceHandle source);
        [DllImport(Library)]
        internal static extern int fob_wait(SourceHandle source, ulong since, long timeoutMs, out ulong seen);
        [DllImport(Library)] internal static extern int fob_descriptor(SourceHandle source);
        [DllImport(Library)] internal static extern int fob_acknowledge(SourceHandle source, out ulong seen);
        [DllImport(Library)]
        internal static extern UIntPtr fob_last_error(SourceHandle source, [Out] byte[] buffer, UIntPtr capacity);
        [DllImport(Library)] internal static extern IntPtr fob_status_text(int status);

        // UTF-8 with a final zero; null stays null.
        internal static byte[] Bytes(string text, string what)
        {
            if (text == null) return null;
            if (text.IndexOf('\0') >= 0) throw new ArgumentException("must not hold a zero character", what);
            return Encoding.UTF8.GetBytes(text + "\0");
        }

        // Of a C string.
        internal static string Words(IntPtr text)
        {
            var length = 0;
            while (Marshal.ReadByte(text, length) != 0) length++;
            var bytes = new byte[length];
            Marshal.Copy(text, bytes, 0, length);
            return Encoding.UTF8.GetString(bytes);
        }
    }
}
