// The way to the api over HTTP. Nothing here waits in a thread of NinjaTrader's, and whatever happens an answer comes within two seconds.

using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Security;
using System.Text;
using System.Threading;

namespace Tapewire.Http
{
    /// <summary>What came back: the body, or why there is none.</summary>
    public struct Reply
    {
        /// <summary>The body of a 200; null without one.</summary>
        public string Body;

        /// <summary>A word and a sentence; empty with a body.</summary>
        public string Why;
    }

    /// <summary>
    /// One request at a time, on a thread of our own: .NET Framework resolves names and connects inside BeginGetResponse, so its asynchronous
    /// form would hold the caller. The two seconds are a timer's: it answers, whatever hangs. A request behind one that hangs waits for it, within
    /// its own two seconds.
    ///
    /// Threads: Post and Dispose from any. Each callback is called once, on a thread of the pool or on ours, and may not throw.
    /// </summary>
    public sealed class SignalDoor : IDisposable
    {
        public const int LimitMs = 2000;
        public const int LongestBody = 64 * 1024;

        const int LongestRest = 3600; // seconds that a server may ask us to be silent

        /// <summary>One question, until it is answered.</summary>
        sealed class Asked
        {
            public string Path;
            public Func<string> Body;
            public Action<Reply> Answer;
            public Timer Limit;
            public HttpWebRequest Request;
            int _over;

            public bool Over { get { return Volatile.Read(ref _over) == 1; } }

            public void Finish(Reply reply)
            {
                if (Interlocked.Exchange(ref _over, 1) == 1) return;
                Limit?.Dispose();
                Answer(reply);
            }
        }

        readonly object _lock = new object();
        readonly Uri _server;
        readonly string _folder;
        Asked _next, _current;
        bool _closed;
        long _silentUntil; // Stopwatch ticks

        SignalDoor(Uri server, string folder)
        {
            _server = server;
            _folder = folder;
            new Thread(Work) { IsBackground = true, Name = "tapewire http" }.Start();
        }

        /// <summary>Opens a way to the api; null if the settings are not safe.</summary>
        /// <param name="remote">False: http, on this machine. True: https, at the address.</param>
        /// <param name="port">Of this machine's api.</param>
        /// <param name="address">https://HOST or https://HOST:PORT.</param>
        /// <param name="folder">Of the file http.key.</param>
        /// <param name="why">Why there is none; empty if there is one.</param>
        public static SignalDoor Open(bool remote, int port, string address, string folder, out string why)
        {
            Uri server;
            why = "";
            if (!remote) server = new Uri("http://127.0.0.1:" + port.ToString(CultureInfo.InvariantCulture) + "/");
            else if (!Uri.TryCreate(address, UriKind.Absolute, out server)) why = "ADDRESS: " + address + " is no address such as https://HOST";
            else if (server.Scheme != Uri.UriSchemeHttps) why = "ADDRESS: another machine is reached by https alone; everybody on the way reads http, the key as well";
            else if (server.UserInfo != "" || server.PathAndQuery != "/" || server.Fragment != "") why = "ADDRESS: write https://HOST or https://HOST:PORT, and nothing behind it";
            return why == "" ? new SignalDoor(server, folder) : null;
        }

        /// <summary>Sends a body to a path; the callback gets what came back within two seconds.</summary>
        /// <param name="body">Makes the body, on the thread of this class.</param>
        public void Post(string path, Func<string> body, Action<Reply> answer)
        {
            var asked = new Asked { Path = path, Body = body, Answer = answer };
            lock (_lock)
            {
                if (!_closed && (_next == null || _next.Over))
                {
                    _next = asked;
                    asked.Limit = new Timer(state => Expire(asked), null, LimitMs, Timeout.Infinite);
                    Monitor.Pulse(_lock);
                    return;
                }
            }
            asked.Finish(No(_closed ? "CLOSED: the strategy ends" : "BUSY: two requests wait already"));
        }

        public void Dispose()
        {
            Asked current;
            lock (_lock)
            {
                _closed = true;
                current = _current;
                Monitor.Pulse(_lock);
            }
            Abort(current);
        }

        void Expire(Asked asked)
        {
            asked.Finish(No("TIMEOUT: no answer within " + LimitMs / 1000 + " s"));
            Abort(asked);
        }

        /// <summary>On a thread of the pool: it may wait for a connection that is being made.</summary>
        static void Abort(Asked asked)
        {
            HttpWebRequest request = asked?.Request;
            if (request != null) ThreadPool.QueueUserWorkItem(state => Quietly(request.Abort));
        }

        static void Quietly(Action action)
        {
            try
            {
                action();
            }
            catch (Exception)
            {
                // A request that is over already; its reader has the cause.
            }
        }

        void Work()
        {
            while (true)
            {
                Asked asked;
                lock (_lock)
                {
                    while (_next == null && !_closed) Monitor.Wait(_lock);
                    if (_closed) break;
                    _current = asked = _next;
                    _next = null;
                }
                if (asked.Over) continue;
                Reply reply;
                try
                {
                    reply = Send(asked);
                }
                catch (Exception error)
                {
                    reply = No("BROKEN: " + error.Message);
                }
                lock (_lock) _current = null;
                asked.Finish(reply);
            }
            _next?.Finish(No("CLOSED: the strategy ends"));
        }

        Reply Send(Asked asked)
        {
            long restMs = (_silentUntil - Stopwatch.GetTimestamp()) * 1000 / Stopwatch.Frequency;
            if (restMs > 0) return No("RATE: the server asked for silence for another " + (restMs / 1000 + 1) + " s");
            string key = KeyLine.Read(_folder, out string why);
            if (key == null) return No("KEY: " + why);
            byte[] body = Encoding.UTF8.GetBytes(asked.Body());
            HttpWebRequest request = asked.Request = Request(asked.Path, key);
            try
            {
                request.ContentLength = body.Length;
                using (Stream stream = request.GetRequestStream()) stream.Write(body, 0, body.Length);
                using (var response = (HttpWebResponse)request.GetResponse()) return Read(response);
            }
            catch (WebException error)
            {
                using (var response = error.Response as HttpWebResponse) return response == null ? No(Failed(error)) : Read(response);
            }
            finally
            {
                asked.Request = null;
                request.Abort(); // whatever is unread
            }
        }

        HttpWebRequest Request(string path, string key)
        {
            // Only this request is set up: what belongs to ServicePointManager belongs to every script in NinjaTrader's process.
            var request = (HttpWebRequest)WebRequest.Create(new Uri(_server, path));
            request.Method = "POST";
            request.ContentType = "application/json";
            request.Accept = "application/json";
            request.UserAgent = "tapewire-ninjascript/1";
            request.Headers["X-API-Key"] = key;
            request.Timeout = request.ReadWriteTimeout = LimitMs;
            request.AllowAutoRedirect = false; // the key is for this server
            request.Proxy = null; // no search for one, and nobody between who would see the key
            request.KeepAlive = false; // a minute later the server has closed the connection
            request.ServicePoint.Expect100Continue = false;
            request.ServerCertificateValidationCallback = (sender, certificate, chain, errors) => errors == SslPolicyErrors.None;
            return request;
        }

        Reply Read(HttpWebResponse response)
        {
            int status = (int)response.StatusCode;
            if (status >= 300 && status < 400) return No("REDIRECT: the server sends to another address; nothing is followed, because the key is for this one");
            if (status == 429) Rest(response.Headers["Retry-After"]);
            string body;
            try
            {
                body = Body(response);
            }
            catch (Exception error) when (error is IOException || error is WebException || error is DecoderFallbackException)
            {
                return No("BROKEN: the answer cannot be read: " + error.Message);
            }
            if (body == null) return No("LENGTH: the answer has more than " + LongestBody / 1024 + " KiB");
            if (response.ContentLength >= 0 && Encoding.UTF8.GetByteCount(body) < response.ContentLength) return No("BROKEN: the answer ends too early");
            if (status != 200) return No("HTTP_" + status + ": " + Problem(body));
            string kind = (response.ContentType ?? "").Split(';')[0].Trim();
            return kind == "application/json" ? new Reply { Body = body, Why = "" } : No("NOT_JSON: the answer is " + SignalAnswer.Plain(kind));
        }

        void Rest(string seconds)
        {
            int asked;
            if (!int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out asked)) asked = 1;
            _silentUntil = Stopwatch.GetTimestamp() + Math.Min(asked, LongestRest) * Stopwatch.Frequency;
        }

        /// <summary>The whole body; null if it is too long.</summary>
        static string Body(HttpWebResponse response)
        {
            var bytes = new byte[LongestBody + 1];
            int length = 0;
            using (Stream stream = response.GetResponseStream())
                for (int read = 1; read > 0 && length < bytes.Length; length += read) read = stream.Read(bytes, length, bytes.Length - length);
            return length > LongestBody ? null : new UTF8Encoding(false, true).GetString(bytes, 0, length);
        }

        /// <summary>The sentence of an error of the api's (RFC 9457), or what else there is.</summary>
        static string Problem(string body)
        {
            try
            {
                var problem = StrictJson.Read(body) as System.Collections.Generic.Dictionary<string, object>;
                if (problem != null && problem.TryGetValue("detail", out object detail) && detail is string) return SignalAnswer.Plain((string)detail);
            }
            catch (JsonException)
            {
                // a proxy's page, for instance
            }
            return body == "" ? "no word of explanation" : SignalAnswer.Plain(body);
        }

        static string Failed(WebException error)
        {
            if (error.Status == WebExceptionStatus.Timeout || error.Status == WebExceptionStatus.RequestCanceled) return "TIMEOUT: no answer within " + LimitMs / 1000 + " s";
            if (error.Status == WebExceptionStatus.TrustFailure || error.Status == WebExceptionStatus.SecureChannelFailure)
                return "CERTIFICATE: the server does not prove that it is the one: " + error.Message;
            string cause = (error.InnerException ?? error).Message;
            return (error.Status == WebExceptionStatus.ConnectFailure ? "NO_SERVER: " : "BROKEN: ") + cause;
        }

        static Reply No(string why) { return new Reply { Why = why }; }
    }
}
