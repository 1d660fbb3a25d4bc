// JSON as RFC 8259 has it and nothing besides: no NaN, no number beyond a double, no name that comes twice, no text behind the end. NinjaTrader
// compiles scripts without a JSON library among their references, so this is all that the client needs.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Tapewire.Http
{
    /// <summary>The text is not JSON.</summary>
    public sealed class JsonException : Exception
    {
        public JsonException(string text, int at) : base(text + " at character " + at) { }
    }

    /// <summary>
    /// Objects become dictionaries, lists become lists, numbers become doubles; null, text, true and false are themselves.
    ///
    /// Threads: any; a reader serves one text.
    /// </summary>
    public sealed class StrictJson
    {
        const int Deepest = 16;

        readonly string _text;
        int _at;

        StrictJson(string text) { _text = text; }

        /// <summary>Reads one value. Throws JsonException.</summary>
        public static object Read(string text)
        {
            var reader = new StrictJson(text);
            object value = reader.Value(0);
            reader.Blank();
            if (reader._at < text.Length) throw reader.Wrong("something stands behind the end");
            return value;
        }

        /// <summary>A number as JSON; it must be one.</summary>
        public static string Number(double value)
        {
            if (double.IsNaN(value) || double.IsInfinity(value)) throw new ArgumentException("not a number");
            return value.ToString("R", CultureInfo.InvariantCulture);
        }

        /// <summary>A text as JSON, in quotes.</summary>
        public static string Text(string value)
        {
            var made = new StringBuilder("\"");
            foreach (char each in value)
                if (each == '"' || each == '\\') made.Append('\\').Append(each);
                else if (each < ' ' || each > '~') made.Append("\\u").Append(((int)each).ToString("x4", CultureInfo.InvariantCulture));
                else made.Append(each);
            return made.Append('"').ToString();
        }

        object Value(int depth)
        {
            if (depth > Deepest) throw Wrong("it is nested too deeply");
            Blank();
            char first = _at < _text.Length ? _text[_at] : '\0';
            if (first == '{') return Object(depth);
            if (first == '[') return List(depth);
            if (first == '"') return String();
            if (first == '-' || IsDigit(first)) return Double();
            if (Word("null")) return null;
            if (Word("true")) return true;
            if (Word("false")) return false;
            throw Wrong("no value");
        }

        Dictionary<string, object> Object(int depth)
        {
            var found = new Dictionary<string, object>();
            _at++;
            if (Next('}')) return found;
            do
            {
                Blank();
                if (_at >= _text.Length || _text[_at] != '"') throw Wrong("no name");
                string name = String();
                if (found.ContainsKey(name)) throw Wrong("a name comes twice");
                if (!Next(':')) throw Wrong("no colon");
                found[name] = Value(depth + 1);
            }
            while (Next(','));
            if (!Next('}')) throw Wrong("an object does not end");
            return found;
        }

        List<object> List(int depth)
        {
            var found = new List<object>();
            _at++;
            if (Next(']')) return found;
            do found.Add(Value(depth + 1));
            while (Next(','));
            if (!Next(']')) throw Wrong("a list does not end");
            return found;
        }

        string String()
        {
            var made = new StringBuilder();
            for (_at++; _at < _text.Length && _text[_at] != '"'; _at++)
            {
                if (_text[_at] < ' ') throw Wrong("a control character in a text");
                if (_text[_at] != '\\') made.Append(_text[_at]);
                else made.Append(Escaped());
            }
            if (_at >= _text.Length) throw Wrong("a text does not end");
            _at++;
            return made.ToString();
        }

        /// <summary>The character behind a backslash; leaves the reader at its last one.</summary>
        char Escaped()
        {
            _at++;
            int known = _at < _text.Length ? "\"\\/bfnrt".IndexOf(_text[_at]) : -1;
            if (known >= 0) return "\"\\/\b\f\n\r\t"[known];
            ushort code = 0;
            if (_at + 4 >= _text.Length || _text[_at] != 'u'
                || !ushort.TryParse(_text.Substring(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code))
                throw Wrong("an unknown escape");
            _at += 4;
            return (char)code;
        }

        double Double()
        {
            int from = _at;
            if (_text[_at] == '-') _at++;
            int whole = Digits();
            if (whole == 0 || (whole > 1 && _text[_at - whole] == '0')) throw Wrong("no number");
            if (_at < _text.Length && _text[_at] == '.')
            {
                _at++;
                if (Digits() == 0) throw Wrong("no number");
            }
            if (_at < _text.Length && (_text[_at] == 'e' || _text[_at] == 'E'))
            {
                _at++;
                if (_at < _text.Length && (_text[_at] == '+' || _text[_at] == '-')) _at++;
                if (Digits() == 0) throw Wrong("no number");
            }
            // .NET Framework throws for a number beyond a double, Mono and later frameworks give infinity.
            double value;
            bool read = double.TryParse(_text.Substring(from, _at - from), NumberStyles.Float, CultureInfo.InvariantCulture, out value);
            if (!read || double.IsInfinity(value)) throw Wrong("a number beyond all bounds");
            return value;
        }

        int Digits()
        {
            int from = _at;
            while (_at < _text.Length && IsDigit(_text[_at])) _at++;
            return _at - from;
        }

        static bool IsDigit(char each) { return each >= '0' && each <= '9'; }

        bool Word(string word)
        {
            if (string.CompareOrdinal(_text, _at, word, 0, word.Length) != 0) return false;
            _at += word.Length;
            return true;
        }

        bool Next(char mark)
        {
            Blank();
            if (_at >= _text.Length || _text[_at] != mark) return false;
            _at++;
            return true;
        }

        void Blank()
        {
            while (_at < _text.Length && " \t\r\n".IndexOf(_text[_at]) >= 0) _at++;
        }

        JsonException Wrong(string text) { return new JsonException(text, _at); }
    }
}
