// Prints an access token from fob. Builds with Mono (mcs -r:System.Runtime.Serialization Token.cs) and with .NET.
// Usage: Token.exe [PROFILE]
//
// .NET 5 and newer can also give HttpClient the socket:
//   new HttpClient(new SocketsHttpHandler { ConnectCallback = async (context, cancel) => {
//     var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
//     await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
//     return new NetworkStream(socket, ownsSocket: true); } })
using System;
using System.IO;
using System.Net.Sockets;
using System.Runtime.Serialization;
using System.Runtime.Serialization.Json;
using System.Text;

[DataContract]
class FobAnswer
{
    [DataMember] public string access_token = null;
    [DataMember] public string detail = null;
}

static class Program
{
    static string FobToken(string profile)
    {
        var path = Environment.GetEnvironmentVariable("FOB_SOCKET") ?? "/run/fob/fob.sock";
        var target = "/v1/token" + (profile == null ? "" : "?profile=" + Uri.EscapeDataString(profile));
        var request = "GET " + target + " HTTP/1.1\r\nHost: fob\r\nConnection: close\r\n\r\n";
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.ReceiveTimeout = 15000;
            socket.Connect(new UnixDomainSocketEndPoint(path));
            socket.Send(Encoding.ASCII.GetBytes(request));
            var message = new StreamReader(new NetworkStream(socket), Encoding.UTF8).ReadToEnd();
            var body = message.Substring(message.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4);
            var json = new DataContractJsonSerializer(typeof(FobAnswer));
            var answer = (FobAnswer)json.ReadObject(new MemoryStream(Encoding.UTF8.GetBytes(body)));
            if (!message.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal))
                throw new InvalidOperationException(answer.detail);
            return answer.access_token;
        }
    }

    static int Main(string[] arguments)
    {
        try
        {
            Console.WriteLine(FobToken(arguments.Length > 0 ? arguments[0] : null));
            return 0;
        }
        catch (Exception error)
        {
            Console.Error.WriteLine("fob: " + error.Message);
            return 1;
        }
    }
}
