// The shape of the vendor's Quest and Android SDKs: one base URL, every route under it, and a token that is kept until its `expiresOn`.
// BaseUrlClient.exe BASE_URL COUNT   At least COUNT rounds, and until standard input ends.
// At its end one line of JSON: {"calls":{…},"successes","failures":[{"status","text"}]}.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Net;
using System.Runtime.Serialization;
using System.Runtime.Serialization.Json;
using System.Text;
using System.Threading;

[DataContract] class TokenAnswer
{
    [DataMember(Name = "token")] public string Token = null;
    [DataMember(Name = "expiresOn")] public string ExpiresOn = null;
}

[DataContract] class PoseAnswer
{
    [DataMember(Name = "poseFound")] public bool PoseFound = false;
}

[DataContract] class MapAnswer
{
    [DataMember(Name = "code")] public string Code = null;
}

[DataContract] class Failure
{
    [DataMember(Name = "status")] public int Status;
    [DataMember(Name = "text")] public string Text;
}

[DataContract] class Report
{
    [DataMember(Name = "calls")] public Dictionary<string, int> Calls =
        new Dictionary<string, int> { { "authorize", 0 }, { "query", 0 }, { "map", 0 } };
    [DataMember(Name = "successes")] public int Successes;
    [DataMember(Name = "failures")] public List<Failure> Failures = new List<Failure>();
}

class BaseUrlClient
{
    const string Boundary = "headset-frame";
    static readonly byte[] Image = new byte[100000];  // nobody looks at it

    readonly string baseUrl, pair;
    readonly Report report = new Report();
    string token;
    DateTime expiresOn = DateTime.MinValue;

    BaseUrlClient(string baseUrl, string clientId, string clientSecret)
    {
        this.baseUrl = baseUrl;
        pair = Convert.ToBase64String(Encoding.UTF8.GetBytes(clientId + ":" + clientSecret));
    }

    T Send<T>(string kind, string method, string path, string authorization, string type, byte[] body)
    {
        report.Calls[kind] += 1;
        var request = (HttpWebRequest)WebRequest.Create(baseUrl + path);
        request.Method = method;
        request.Headers["Authorization"] = authorization;
        if (body != null)
        {
            request.ContentType = type;
            using (var stream = request.GetRequestStream()) stream.Write(body, 0, body.Length);
        }
        using (var answer = request.GetResponse())
            return (T)new DataContractJsonSerializer(typeof(T)).ReadObject(answer.GetResponseStream());
    }

    string Bearer()
    {
        if (DateTime.UtcNow < expiresOn) return "Bearer " + token;
        var nothing = Encoding.UTF8.GetBytes("{}");
        var answer = Send<TokenAnswer>("authorize", "POST", "/v1/m2m/token", "Basic " + pair, "application/json", nothing);
        token = answer.Token;
        expiresOn = DateTime.Parse(answer.ExpiresOn, CultureInfo.InvariantCulture,
                                   DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal);
        return "Bearer " + token;
    }

    void Localize(string mapCode)
    {
        var body = new MemoryStream();
        Action<string> write = text => body.Write(Encoding.UTF8.GetBytes(text), 0, Encoding.UTF8.GetByteCount(text));
        const string Part = "--" + Boundary + "\r\nContent-Disposition: form-data; name=";
        foreach (var field in ("fx=900 fy=900 px=480 py=270 width=960 height=540 isRightHanded=false mapCode=" + mapCode).Split(' '))
            write(Part + "\"" + field.Split('=')[0] + "\"\r\n\r\n" + field.Split('=')[1] + "\r\n");
        write(Part + "\"queryImage\"; filename=\"frame.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n");
        body.Write(Image, 0, Image.Length);
        write("\r\n--" + Boundary + "--\r\n");
        var bearer = Bearer();
        const string Type = "multipart/form-data; boundary=" + Boundary;
        if (!Send<PoseAnswer>("query", "POST", "/v1/vps/map/query-form", bearer, Type, body.ToArray()).PoseFound)
            throw new InvalidDataException("no pose in the answer");
    }

    void MapDetails(string mapCode)
    {
        var bearer = Bearer();
        if (Send<MapAnswer>("map", "GET", "/v1/vps/map/" + mapCode, bearer, null, null).Code != mapCode)
            throw new InvalidDataException("another map than was asked for");
    }

    void Try(Action<string> act)
    {
        try
        {
            act("hall-1");
            report.Successes += 1;
        }
        catch (WebException error)
        {
            var answer = error.Response as HttpWebResponse;
            report.Failures.Add(new Failure {
                Status = answer == null ? 0 : (int)answer.StatusCode,
                Text = answer == null ? error.Message : new StreamReader(answer.GetResponseStream()).ReadToEnd() });
        }
        catch (Exception error)
        {
            report.Failures.Add(new Failure { Text = error.Message });
        }
    }

    static void Main(string[] arguments)
    {
        var client = new BaseUrlClient(arguments[0], "fob", "fob");
        var waiting = new Thread(() => Console.In.ReadToEnd()) { IsBackground = true };
        waiting.Start();
        for (var round = 0; round < int.Parse(arguments[1]) || waiting.IsAlive; ++round)
        {
            client.Try(client.Localize);
            client.Try(client.MapDetails);
            Thread.Sleep(50);  // an app localizes some times a second
        }
        var json = new DataContractJsonSerializerSettings { UseSimpleDictionaryFormat = true };
        new DataContractJsonSerializer(typeof(Report), json).WriteObject(Console.OpenStandardOutput(), client.report);
        Console.WriteLine();
    }
}
