// app.c in C#, by LibFob.cs alone.
using System;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Threading.Tasks;
using Fob;

static class App
{
    [StructLayout(LayoutKind.Sequential)]
    struct PollDescriptor
    {
        public int Descriptor;
        public short Events, Revents;
    }

    [DllImport("libc")] static extern int poll(ref PollDescriptor descriptor, UIntPtr count, int timeoutMs);

    static Token last;

    static TimeSpan? Span(string ms)
    {
        return ms == "-1" ? (TimeSpan?)null : TimeSpan.FromMilliseconds(double.Parse(ms, CultureInfo.InvariantCulture));
    }

    static string Get(TokenSource source, string minTtl, string wait)
    {
        var token = source.GetAsync(Span(minTtl), Span(wait)).GetAwaiter().GetResult();
        if (last != null) last.Dispose();
        last = token;
        var shown = token + "|" + string.Format("{0}", token);
        foreach (var property in typeof(Token).GetProperties()) shown += "|" + property.GetValue(token);
        return token.GetText() + " " + token.Fingerprint + " " + (long)token.ExpiresIn.TotalMilliseconds + " " + shown;
    }

    static string Poll(TokenSource source, string timeout)
    {
        var descriptor = new PollDescriptor { Descriptor = source.Descriptor, Events = 1 };
        return poll(ref descriptor, (UIntPtr)1, int.Parse(timeout)) == 1 ? "readable" : "quiet";
    }

    static string DisposeWhileAnotherThreadWaits(TokenSource source)
    {
        var waiting = Task.Run(() => { for (var seen = source.Change; ; ) seen = source.Wait(seen); });
        source.Dispose();
        try { waiting.Wait(); }
        catch (AggregateException error) when (error.InnerException is ObjectDisposedException) { return "told"; }
        return "it ended";
    }

    static object Answer(TokenSource source, string[] words)
    {
        switch (words[0])
        {
            case "get": return Get(source, words[1], words[2]);
            case "wait": return source.Wait(ulong.Parse(words[1]), Span(words[2]));
            case "poll": return Poll(source, words[1]);
            case "reject": source.ReportRejected(last); return null;
            case "change": return source.Change;
            case "acknowledge": return source.Acknowledge();
            case "close": source.Dispose(); return null;
            case "token": return last.GetText();
            case "dispose-while-another-thread-waits": return DisposeWhileAnotherThreadWaits(source);
            default: throw new ArgumentException("what is that?");
        }
    }

    static int Main(string[] arguments)
    {
        TokenSource source;
        try
        {
            source = new TokenSource(arguments.Length > 0 && arguments[0] != "" ? arguments[0] : null,
                                     arguments.Length > 1 && arguments[1] != "" ? arguments[1] : null);
        }
        catch (FobException error)
        {
            Console.WriteLine((int)error.Status + " " + error.Message);
            return 1;
        }
        for (var line = Console.ReadLine(); line != null; line = Console.ReadLine())
        {
            try
            {
                var result = Answer(source, line.Split(' '));
                Console.WriteLine(result == null ? "ok" : "ok " + result);
            }
            catch (FobException error)
            {
                Console.WriteLine((int)error.Status + " " + error.Message);
            }
        }
        return 0;
    }
}
