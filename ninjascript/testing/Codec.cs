// The codec's test program: reads messages as lines of hex and prints what the codec makes of them. The tests compare that with
// tests/golden/frames.json, and with Python's decoder on random and damaged frames.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

namespace Tapewire.Testing
{
    public static class CodecLines
    {
        /// <summary>
        /// For each line `topic hex` one line of four columns: the topic, the map written again from its plain values, the same from the
        /// typed body (- for a type that the bridge does not use), and the map as JSON.
        /// </summary>
        public static void Golden(TextReader from, TextWriter to)
        {
            foreach (string line in Lines(from))
            {
                string[] columns = line.Split(' ');
                Message message = Wire.Decode(Wire.Topic(columns[0]), Bytes(columns[1]));
                string plain = Hex(new PackWriter().Value(message.Fields.Map).ToArray());
                string typed = message.Body == null ? "-" : Hex(Wire.Encode(message.Header, message.Body));
                to.WriteLine(message.Topic + " " + plain + " " + typed + " " + Json(message.Fields.Map));
            }
        }

        /// <summary>
        /// For each line `hex`, or `topic hex` with both in hex, `read`, or `refused`, the code and the reason. Any other exception ends the program,
        /// and so fails the test.
        /// </summary>
        public static void Fuzz(TextReader from, TextWriter to)
        {
            foreach (string line in Lines(from))
            {
                string[] columns = line.Split(' ');
                byte[] topic = columns.Length == 1 ? Wire.Topic("fuzz.") : Bytes(columns[0]);
                to.WriteLine(OrRefused(() =>
                {
                    Message message = Wire.Decode(topic, Bytes(columns[columns.Length - 1]));
                    if (message.Body != null) Wire.Encode(message.Header, message.Body);
                    return "read " + message.Type.Length;
                }));
            }
        }

        /// <summary>For each line `epoch event_ns now_ns` of messages that arrive one after the other `read`, or `refused` as Fuzz does.</summary>
        public static void Plausible(TextReader from, TextWriter to)
        {
            var limits = new Limits();
            foreach (string line in Lines(from))
            {
                long[] numbers = Numbers(line);
                to.WriteLine(OrRefused(() =>
                {
                    limits.Check("fuzz.", new Header("x", numbers[0], 1, numbers[1], ""), numbers[2]);
                    return "read";
                }));
            }
        }

        /// <summary>For each line `epoch seq` of messages of one topic `read` and the numbers that are taken now, or `refused` as Fuzz does.</summary>
        public static void Ordered(TextReader from, TextWriter to)
        {
            var inbox = new Inbox();
            foreach (string line in Lines(from))
            {
                long[] numbers = Numbers(line);
                to.WriteLine(OrRefused(() =>
                {
                    var message = new Message("fuzz.", new Header("x", numbers[0], numbers[1], 0, ""), "", null, null);
                    return string.Join(" ", "read", string.Join(" ", inbox.Admit(message).ConvertAll(each => each.Header.Seq))).Trim();
                }));
            }
        }

        static string OrRefused(Func<string> read)
        {
            try
            {
                return read();
            }
            catch (Refusal refusal)
            {
                return "refused " + refusal.Code + " " + refusal.Message;
            }
        }

        static long[] Numbers(string line) { return Array.ConvertAll(line.Split(' '), each => long.Parse(each, CultureInfo.InvariantCulture)); }

        static IEnumerable<string> Lines(TextReader from)
        {
            for (string line = from.ReadLine(); line != null; line = from.ReadLine()) yield return line.Trim();
        }

        static byte[] Bytes(string hex)
        {
            var bytes = new byte[hex.Length / 2];
            for (int i = 0; i < bytes.Length; i++) bytes[i] = byte.Parse(hex.Substring(2 * i, 2), NumberStyles.HexNumber);
            return bytes;
        }

        static string Hex(byte[] bytes) { return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant(); }

        static string Json(object value)
        {
            if (value == null) return "null";
            if (value is bool) return (bool)value ? "true" : "false";
            if (value is double) return Real((double)value);
            if (value is string) return Quoted((string)value);
            if (value is byte[]) return "{\"$hex\": \"" + Hex((byte[])value) + "\"}";
            if (value is List<object> list) return "[" + string.Join(", ", list.ConvertAll(Json)) + "]";
            if (value is PackMap map) return "{" + string.Join(", ", map.Pairs.ConvertAll(pair => Quoted(pair.Key) + ": " + Json(pair.Value))) + "}";
            return Convert.ToString(value, CultureInfo.InvariantCulture);
        }

        static string Real(double value)
        {
            string text = value.ToString("R", CultureInfo.InvariantCulture);
            return text.IndexOfAny(new[] { '.', 'E', 'N', 'I' }) < 0 ? text + ".0" : text;
        }

        static string Quoted(string text)
        {
            var quoted = new StringBuilder("\"");
            foreach (char each in text)
                if (each >= ' ' && each < 127 && each != '"' && each != '\\') quoted.Append(each);
                else quoted.Append("\\u").Append(((int)each).ToString("x4"));
            return quoted.Append('"').ToString();
        }
    }
}
