// Encodes and decodes messages. A message has two frames: the topic, and one MessagePack map with the header's fields, `type`, and the
// body's fields, in this order (bus/PROTOCOL.md, section 2). Fields are read by name: an unknown field is ignored, a field with a default
// may be absent, a field of a wrong type or out of its bounds throws a Refusal that names it.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Tapewire
{
    /// <summary>Times on the wire: whole nanoseconds since 1970 in UTC.</summary>
    public static class UnixTime
    {
        const long TicksTo1970 = 621355968000000000; // of 100 ns each, from year 1

        public static long NowNs() { return FromTicks(DateTime.UtcNow.Ticks); }

        /// <param name="ticks">Of a DateTime in UTC.</param>
        public static long FromTicks(long ticks) { return (ticks - TicksTo1970) * 100; }
    }

    /// <summary>A message's source, epoch and sequence number, its market time, and the reference of the message that caused it.</summary>
    public struct Header
    {
        public string Source;
        public long Epoch;
        public long Seq;
        public long EventNs;
        public string Cause;

        public Header(string source, long epoch, long seq, long eventNs, string cause)
        {
            Source = source;
            Epoch = epoch;
            Seq = seq;
            EventNs = eventNs;
            Cause = cause;
        }
    }

    /// <summary>A decoded message. Body is null for a type that the bridge does not use; Fields holds its fields all the same.</summary>
    public sealed class Message
    {
        public readonly string Topic;
        public readonly Header Header;
        public readonly string Type;
        public readonly Body Body;
        public readonly Fields Fields;

        public Message(string topic, Header header, string type, Body body, Fields fields)
        {
            Topic = topic;
            Header = header;
            Type = type;
            Body = body;
            Fields = fields;
        }

        /// <summary>The message's reference, `topic@epoch:seq`, which is the cause in the messages that it leads to.</summary>
        public string Ref { get { return Wire.Ref(Topic, Header.Epoch, Header.Seq); } }
    }

    public static class Wire
    {
        public const int Version = 1;

        static readonly string[] HeaderNames = { "v", "source", "epoch", "seq", "event_ns", "cause", "type" };

        public static string Ref(string topic, long epoch, long seq) { return topic + "@" + epoch + ":" + seq; }

        public static byte[] Topic(string topic) { return Encoding.ASCII.GetBytes(topic); }

        /// <summary>One map with the header's fields first.</summary>
        public static byte[] Encode(Header header, Body body)
        {
            var fields = new PackMap(24);
            body.Write(fields);
            var writer = new PackWriter();
            writer.Map(HeaderNames.Length + fields.Pairs.Count);
            writer.Str("v").Int(Version).Str("source").Str(header.Source).Str("epoch").Int(header.Epoch).Str("seq").Int(header.Seq);
            writer.Str("event_ns").Int(header.EventNs).Str("cause").Str(header.Cause).Str("type").Str(body.Type);
            foreach (KeyValuePair<string, object> pair in fields.Pairs) writer.Str(pair.Key).Value(pair.Value);
            return writer.ToArray();
        }

        /// <summary>Reads the topic frame and the map of a message.</summary>
        /// <param name="longest">Bytes of the map at most: Bounds.MaxMessage, or for a page of history Bounds.MaxFrame.</param>
        /// <exception cref="Refusal">
        /// The frame is too long, cut off or of another version, or a field is missing, of a wrong type or out of its bounds.
        /// </exception>
        public static Message Decode(byte[] topic, byte[] frame, int longest = Bounds.MaxMessage)
        {
            Message bare = DecodeHeader(topic, frame, longest);
            Body body = Body.Of(bare.Type);
            if (body != null) body.Read(bare.Fields);
            return new Message(bare.Topic, bare.Header, bare.Type, body, bare.Fields);
        }

        /// <summary>Reads everything but the body, so that a message with an unreadable body can still be answered.</summary>
        /// <exception cref="Refusal">As for Decode, without the body's fields.</exception>
        public static Message DecodeHeader(byte[] topic, byte[] frame, int longest = Bounds.MaxMessage)
        {
            string name = TopicText(topic);
            if (frame.Length > longest) throw new Refusal("message of " + frame.Length + " bytes, the limit is " + longest, Bounds.Frame);
            var map = PackReader.Read(frame) as PackMap;
            if (map == null) throw new Refusal("a message is a map");
            var fields = new Fields(map, "");
            long version = fields.Int("v");
            if (version != Version) throw new Refusal("protocol version " + version + ", this side speaks " + Version);
            var header = new Header(
                fields.Str("source"), fields.Number("epoch"), fields.Number("seq"), fields.Time("event_ns"), fields.Str("cause", ""));
            return new Message(name, header, fields.Str("type"), null, fields);
        }

        /// <summary>A topic frame as text: words of A-Z, a-z, 0-9, _ and -, each followed by a dot.</summary>
        /// <exception cref="Refusal">The frame is no topic, or too long a one.</exception>
        public static string TopicText(byte[] frame)
        {
            if (frame.Length > Bounds.MaxTopic) throw new Refusal("topic of " + frame.Length + " bytes, the limit is " + Bounds.MaxTopic, Bounds.Topic);
            bool inWord = false;
            int words = 0;
            foreach (byte each in frame)
            {
                bool word = each >= 'a' && each <= 'z' || each >= 'A' && each <= 'Z' || each >= '0' && each <= '9' || each == '_' || each == '-';
                if (!word && !(each == '.' && inWord)) throw new Refusal("not a topic", Bounds.Topic);
                inWord = word;
                if (!word) words++;
            }
            if (frame.Length == 0 || inWord) throw new Refusal("not a topic: it ends with a dot", Bounds.Topic);
            if (words > Bounds.MaxWords) throw new Refusal("topic of " + words + " words, the limit is " + Bounds.MaxWords, Bounds.Topic);
            return Encoding.ASCII.GetString(frame);
        }
    }

    /// <summary>
    /// The fields of one map, read by name and type. Each method throws a Refusal for a field that is missing, of another type or out of bounds.
    /// </summary>
    public sealed class Fields
    {
        readonly PackMap _map;
        readonly string _path;

        /// <param name="path">The map's place in its message, for the text of a Refusal; empty at the top.</param>
        public Fields(PackMap map, string path)
        {
            _map = map;
            _path = path;
        }

        public PackMap Map { get { return _map; } }

        public string Str(string name) { return Needed(name) as string ?? throw Wrong(name, "text"); }

        public string Str(string name, string absent) { return _map.TryGet(name, out object value) ? value as string ?? throw Wrong(name, "text") : absent; }

        public long Int(string name) { return Whole(name, Needed(name)); }

        public long Int(string name, long absent) { return _map.TryGet(name, out object value) ? Whole(name, value) : absent; }

        public long? IntOrNull(string name) { return _map.TryGet(name, out object value) && value != null ? Whole(name, value) : (long?)null; }

        /// <summary>An epoch or a number in a topic.</summary>
        public long Number(string name) { return Within(name, Int(name), 0, long.MaxValue, ""); }

        /// <summary>UTC nanoseconds since 1970, before 2100; 0 where there is none.</summary>
        public long Time(string name) { return Within(name, Int(name), 0, Bounds.MaxTimeNs, " (UTC ns, before 2100)"); }

        /// <summary>Contracts, signed.</summary>
        public long Quantity(string name) { return Quantity(name, Int(name)); }

        public long Quantity(string name, long absent) { return Within(name, Int(name, absent), -Bounds.MaxQty, Bounds.MaxQty, " contracts"); }

        /// <summary>Contracts traded in a bar.</summary>
        public long Volume(string name) { return Within(name, Int(name), 0, Bounds.MaxVolume, " contracts"); }

        public long? VolumeOrNull(string name) { return IntOrNull(name) == null ? (long?)null : Volume(name); }

        /// <summary>Contracts bought less contracts sold.</summary>
        public long? DeltaOrNull(string name)
        {
            long? value = IntOrNull(name);
            return value == null ? value : Within(name, (long)value, -Bounds.MaxVolume, Bounds.MaxVolume, " contracts");
        }

        /// <summary>Points; finite.</summary>
        public double Price(string name) { return Within(name, Float(name), Bounds.MaxPrice, " points"); }

        public double? PriceOrNull(string name) { return FloatOrNull(name) == null ? (double?)null : Price(name); }

        /// <summary>Money as NinjaTrader reports it; finite.</summary>
        public double Dollars(string name, double absent) { return Within(name, Float(name, absent), Bounds.MaxDollars, " dollars"); }

        public double? DollarsOrNull(string name) { return FloatOrNull(name) == null ? (double?)null : Dollars(name, 0); }

        public double Float(string name) { return Real(name, Needed(name)); }

        public double Float(string name, double absent) { return _map.TryGet(name, out object value) ? Real(name, value) : absent; }

        /// <summary>A number that may be null. `needed`: the field itself may not be absent.</summary>
        public double? FloatOrNull(string name, bool needed = false)
        {
            if (!_map.TryGet(name, out object value))
            {
                if (needed) throw Missing(name);
                return null;
            }
            return value == null ? (double?)null : Real(name, value);
        }

        public bool Bool(string name, bool absent) { return _map.TryGet(name, out object value) ? value as bool? ?? throw Wrong(name, "true or false") : absent; }

        public bool Bool(string name) { return Needed(name) as bool? ?? throw Wrong(name, "true or false"); }

        /// <summary>An array; empty if the field is absent. `needed`: it may not be.</summary>
        public List<object> List(string name, bool needed = false)
        {
            if (!_map.TryGet(name, out object value)) return needed ? throw Missing(name) : new List<object>();
            return value as List<object> ?? throw Wrong(name, "an array");
        }

        public List<string> Strings(string name, bool needed = false)
        {
            var texts = new List<string>();
            foreach (object each in List(name, needed)) texts.Add(each as string ?? throw Wrong(name, "an array of texts"));
            return texts;
        }

        public List<byte[]> Frames(string name)
        {
            var frames = new List<byte[]>();
            foreach (object each in List(name, true)) frames.Add(each as byte[] ?? throw Wrong(name, "an array of bytes"));
            return frames;
        }

        /// <summary>An array of maps, each with a path of its own.</summary>
        public List<Fields> Inner(string name, bool needed = false)
        {
            var inner = new List<Fields>();
            foreach (object each in List(name, needed))
                inner.Add(new Fields(each as PackMap ?? throw Wrong(name, "an array of maps"), _path + name + "." + inner.Count + "."));
            return inner;
        }

        /// <summary>A map in a field; null if the field is null or absent.</summary>
        public Fields MapOrNull(string name)
        {
            if (!_map.TryGet(name, out object value) || value == null) return null;
            return new Fields(value as PackMap ?? throw Wrong(name, "a map"), _path + name + ".");
        }

        public Fields MapOf(string name) { return MapOrNull(name) ?? throw Missing(name); }

        public Refusal Wrong(string name, string wanted) { return new Refusal("field " + _path + name + " is not " + wanted); }

        object Needed(string name) { return _map.TryGet(name, out object value) ? value : throw Missing(name); }

        Refusal Missing(string name) { return new Refusal("field " + _path + name + " is missing"); }

        long Whole(string name, object value) { return value as long? ?? throw Wrong(name, "a whole number of 64 bits"); }

        long Within(string name, long value, long least, long most, string unit)
        {
            if (value < least || value > most) throw new Refusal("field " + _path + name + " is " + value + ", not from " + least + " to " + most + unit);
            return value;
        }

        double Within(string name, double value, double most, string unit)
        {
            if (value >= -most && value <= most) return value;
            throw new Refusal("field " + _path + name + " is " + Text(value) + ", not from " + Text(-most) + " to " + Text(most) + unit);
        }

        static string Text(double value) { return value.ToString("R", CultureInfo.InvariantCulture); }

        double Real(string name, object value)
        {
            if (value is double) return (double)value;
            if (value is long) return (long)value;
            if (value is ulong) return (ulong)value;
            throw Wrong(name, "a number");
        }
    }
}
