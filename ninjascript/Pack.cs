// MessagePack, as far as the protocol uses it: nil, bool, integers, float 64, text, bytes, arrays, and maps with text keys.
//
// The reader checks every length against the rest of the frame before it allocates, limits nesting, and requires UTF-8 in text and nothing
// after the value. A frame that breaks a rule throws a Refusal and no other exception.

using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Tapewire
{
    /// <summary>
    /// The other side sent something that is not a valid message. The text names the mistake, Code the limit that it breaks (Bounds); the connection
    /// stays.
    /// </summary>
    public sealed class Refusal : Exception
    {
        public readonly string Code;

        public Refusal(string text, string code = Bounds.Unreadable) : base(text) { Code = code; }
    }

    /// <summary>A map that keeps the order of its fields. If a name comes twice, the last value counts.</summary>
    public sealed class PackMap
    {
        public readonly List<KeyValuePair<string, object>> Pairs;

        public PackMap(int capacity) { Pairs = new List<KeyValuePair<string, object>>(capacity); }

        public void Add(string name, object value) { Pairs.Add(new KeyValuePair<string, object>(name, value)); }

        /// <summary>The value of a name. False if the name is absent; a value of null is not absent.</summary>
        public bool TryGet(string name, out object value)
        {
            for (int at = Pairs.Count - 1; at >= 0; at--)
                if (Pairs[at].Key == name)
                {
                    value = Pairs[at].Value;
                    return true;
                }
            value = null;
            return false;
        }
    }

    /// <summary>Writes values one after the other, integers in their shortest form.</summary>
    public sealed class PackWriter
    {
        static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        readonly MemoryStream _out = new MemoryStream(256);

        public byte[] ToArray() { return _out.ToArray(); }

        public PackWriter Nil() { _out.WriteByte(0xc0); return this; }

        public PackWriter Bool(bool value) { _out.WriteByte(value ? (byte)0xc3 : (byte)0xc2); return this; }

        public PackWriter Int(long value)
        {
            if (value >= 0) return UInt((ulong)value);
            if (value >= -32) _out.WriteByte((byte)value);
            else if (value >= sbyte.MinValue) Tagged(0xd0, (ulong)value, 1);
            else if (value >= short.MinValue) Tagged(0xd1, (ulong)value, 2);
            else if (value >= int.MinValue) Tagged(0xd2, (ulong)value, 4);
            else Tagged(0xd3, (ulong)value, 8);
            return this;
        }

        public PackWriter UInt(ulong value)
        {
            if (value < 0x80) _out.WriteByte((byte)value);
            else if (value <= byte.MaxValue) Tagged(0xcc, value, 1);
            else if (value <= ushort.MaxValue) Tagged(0xcd, value, 2);
            else if (value <= uint.MaxValue) Tagged(0xce, value, 4);
            else Tagged(0xcf, value, 8);
            return this;
        }

        public PackWriter Float(double value)
        {
            Tagged(0xcb, (ulong)BitConverter.DoubleToInt64Bits(value), 8);
            return this;
        }

        public PackWriter Str(string value)
        {
            byte[] text = Utf8.GetBytes(value);
            if (text.Length < 32) _out.WriteByte((byte)(0xa0 | text.Length));
            else Sized(0xd9, 0xda, 0xdb, text.Length);
            _out.Write(text, 0, text.Length);
            return this;
        }

        public PackWriter Bin(byte[] value)
        {
            Sized(0xc4, 0xc5, 0xc6, value.Length);
            _out.Write(value, 0, value.Length);
            return this;
        }

        public PackWriter Array(int count)
        {
            if (count < 16) _out.WriteByte((byte)(0x90 | count));
            else if (count <= ushort.MaxValue) Tagged(0xdc, (ulong)count, 2);
            else Tagged(0xdd, (ulong)count, 4);
            return this;
        }

        public PackWriter Map(int count)
        {
            if (count < 16) _out.WriteByte((byte)(0x80 | count));
            else if (count <= ushort.MaxValue) Tagged(0xde, (ulong)count, 2);
            else Tagged(0xdf, (ulong)count, 4);
            return this;
        }

        /// <summary>Any value that PackReader returns.</summary>
        public PackWriter Value(object value)
        {
            if (value == null) return Nil();
            if (value is bool) return Bool((bool)value);
            if (value is long) return Int((long)value);
            if (value is ulong) return UInt((ulong)value);
            if (value is double) return Float((double)value);
            if (value is string) return Str((string)value);
            if (value is byte[]) return Bin((byte[])value);
            if (value is List<object> list)
            {
                Array(list.Count);
                foreach (object each in list) Value(each);
                return this;
            }
            if (value is PackMap map)
            {
                Map(map.Pairs.Count);
                foreach (KeyValuePair<string, object> pair in map.Pairs) Str(pair.Key).Value(pair.Value);
                return this;
            }
            throw new ArgumentException("no MessagePack form for " + value.GetType());
        }

        void Sized(byte one, byte two, byte four, int length)
        {
            if (length <= byte.MaxValue) Tagged(one, (ulong)length, 1);
            else if (length <= ushort.MaxValue) Tagged(two, (ulong)length, 2);
            else Tagged(four, (ulong)length, 4);
        }

        void Tagged(byte tag, ulong value, int bytes)
        {
            _out.WriteByte(tag);
            for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) _out.WriteByte((byte)(value >> shift));
        }
    }

    /// <summary>
    /// Reads one value as null, bool, long (ulong above its range), double, string, byte[], List of object, or PackMap.
    /// </summary>
    public sealed class PackReader
    {
        const int MaxDepth = 32;
        const int Prepared = 64; // items to allocate before they are read: the announced counts of nested arrays add up
        static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        readonly byte[] _in;
        int _at;

        PackReader(byte[] frame) { _in = frame; }

        /// <summary>The one value of a frame.</summary>
        /// <exception cref="Refusal">The frame is not exactly one value of these kinds.</exception>
        public static object Read(byte[] frame)
        {
            var reader = new PackReader(frame);
            object value = reader.Value(0);
            if (reader._at != frame.Length) throw new Refusal((frame.Length - reader._at) + " bytes follow the message");
            return value;
        }

        object Value(int depth)
        {
            if (depth > MaxDepth) throw new Refusal("nested deeper than " + MaxDepth);
            byte tag = (byte)Number(1);
            if (tag < 0x80) return (long)tag;
            if (tag >= 0xe0) return (long)(sbyte)tag;
            if (tag < 0x90) return Map(tag & 0x0f, depth);
            if (tag < 0xa0) return Array(tag & 0x0f, depth);
            if (tag < 0xc0) return Text(tag & 0x1f);
            switch (tag)
            {
                case 0xc0: return null;
                case 0xc2: return false;
                case 0xc3: return true;
                case 0xc4: return Bytes(Length(1));
                case 0xc5: return Bytes(Length(2));
                case 0xc6: return Bytes(Length(4));
                case 0xca: return (double)BitConverter.ToSingle(BitConverter.GetBytes((uint)Number(4)), 0);
                case 0xcb: return BitConverter.Int64BitsToDouble((long)Number(8));
                case 0xcc: return (long)Number(1);
                case 0xcd: return (long)Number(2);
                case 0xce: return (long)Number(4);
                case 0xcf: return Unsigned(Number(8));
                case 0xd0: return (long)(sbyte)Number(1);
                case 0xd1: return (long)(short)Number(2);
                case 0xd2: return (long)(int)Number(4);
                case 0xd3: return (long)Number(8);
                case 0xd9: return Text(Length(1));
                case 0xda: return Text(Length(2));
                case 0xdb: return Text(Length(4));
                case 0xdc: return Array(Length(2), depth);
                case 0xdd: return Array(Length(4), depth);
                case 0xde: return Map(Length(2), depth);
                case 0xdf: return Map(Length(4), depth);
            }
            throw new Refusal("byte 0x" + tag.ToString("x2") + " starts no value of this protocol");
        }

        static object Unsigned(ulong value) { return value <= long.MaxValue ? (object)(long)value : value; }

        ulong Number(int bytes)
        {
            Need(bytes);
            ulong value = 0;
            for (int i = 0; i < bytes; i++) value = value << 8 | _in[_at++];
            return value;
        }

        /// <summary>The count of bytes or of items, each at least one byte, so that no count can allocate more than the frame holds.</summary>
        int Length(int bytes)
        {
            ulong length = Number(bytes);
            if (length > (ulong)(_in.Length - _at)) throw new Refusal("cut off: " + length + " announced, " + (_in.Length - _at) + " bytes left");
            return (int)length;
        }

        void Need(int bytes)
        {
            if (bytes > _in.Length - _at) throw new Refusal("cut off after " + _in.Length + " bytes");
        }

        byte[] Bytes(int length)
        {
            Need(length);
            var value = new byte[length];
            Buffer.BlockCopy(_in, _at, value, 0, length);
            _at += length;
            return value;
        }

        string Text(int length)
        {
            Need(length);
            try
            {
                string value = Utf8.GetString(_in, _at, length);
                _at += length;
                return value;
            }
            catch (ArgumentException)
            {
                throw new Refusal("text that is not UTF-8 at byte " + _at);
            }
        }

        List<object> Array(int count, int depth)
        {
            Need(count);
            var value = new List<object>(Math.Min(count, Prepared));
            for (int i = 0; i < count; i++) value.Add(Value(depth + 1));
            return value;
        }

        PackMap Map(int count, int depth)
        {
            Need(count);
            var value = new PackMap(Math.Min(count, Prepared));
            for (int i = 0; i < count; i++)
            {
                object name = Value(depth + 1);
                if (!(name is string)) throw new Refusal("a map's names are text");
                value.Add((string)name, Value(depth + 1));
            }
            return value;
        }
    }
}
