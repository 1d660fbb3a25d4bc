// What the api has answered, as a signal: read strictly, and NONE on any doubt.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Tapewire.Http
{
    /// <summary>What an entry or a move must fit.</summary>
    public struct Market
    {
        public double Tick, Last;
        public long CloseNs;
        public int LargestOrder, FurthestTicks;
    }

    /// <summary>
    /// A signal. Action is NONE, ENTER_LONG, ENTER_SHORT, EXIT, MOVE_STOP or MOVE_TARGET; Why has a word and a sentence.
    ///
    /// Threads: any; it does not change.
    /// </summary>
    public sealed class SignalAnswer
    {
        const int LongestId = 50; // NinjaTrader's limit for signal names
        const int LongestText = 200;

        public string Action = "NONE", Id = "", Why = "";
        public double? Entry, Stop, Target;
        public int Size;
        public long UntilNs;

        /// <summary>1 for a long entry, -1 for a short one, 0 for anything else.</summary>
        public int Side { get { return Action == "ENTER_LONG" ? 1 : Action == "ENTER_SHORT" ? -1 : 0; } }

        public static SignalAnswer None(string why) { return new SignalAnswer { Why = why }; }

        /// <summary>The signal in a reply. An entry has passed every check that needs no position.</summary>
        public static SignalAnswer Of(Reply reply, Market market)
        {
            if (reply.Body == null) return None(reply.Why);
            SignalAnswer answer;
            try
            {
                var fields = StrictJson.Read(reply.Body) as Dictionary<string, object>;
                if (fields == null) return None("ANSWER: it is no object");
                answer = new SignalAnswer
                {
                    Action = Text(fields, "action"), Id = Text(fields, "id"), Entry = Price(fields, "entry_price"), Stop = Price(fields, "stop_loss"),
                    Target = Price(fields, "target"), Size = (int)Whole(fields, "position_size", int.MaxValue), UntilNs = (long)Whole(fields, "valid_until_ns", 9e18),
                    Why = (Plain(Text(fields, "code")) + ": " + Plain(Text(fields, "reasoning"))).TrimStart(':', ' '),
                };
            }
            catch (JsonException error)
            {
                return None("ANSWER: " + error.Message);
            }
            catch (FormatException error)
            {
                return None("ANSWER: " + error.Message);
            }
            string wrong = answer.Refusal(market);
            return wrong == "" ? answer : None(wrong);
        }

        /// <summary>Printable characters, and not too many: for a log and a chart's corner.</summary>
        public static string Plain(string text)
        {
            var made = new StringBuilder();
            foreach (char each in text)
                if (made.Length < LongestText) made.Append(each < ' ' || each > '~' ? ' ' : each);
            return made.ToString().Trim();
        }

        /// <summary>On the tick, towards the entry: never more risk than the signal has.</summary>
        public static double Closer(double stop, int side, double tick)
        {
            double ticks = stop / tick;
            return tick * (side > 0 ? Math.Ceiling(ticks - 1e-6) : Math.Floor(ticks + 1e-6));
        }

        string Refusal(Market market)
        {
            if (Action == "NONE") return Why == "" ? "NONE: without a reason" : "";
            if (Side == 0 && Array.IndexOf(new[] { "EXIT", "MOVE_STOP", "MOVE_TARGET" }, Action) < 0) return "ACTION: unknown: " + Plain(Action);
            if (!IsId(Id)) return "ID: an id is 1 to " + LongestId + " printable characters without spaces";
            if (UntilNs < market.CloseNs) return UntilNs == 0 ? "EXPIRED: it does not tell how long it is good" : "EXPIRED: its time is over";
            if (Action == "MOVE_STOP" && Stop == null || Action == "MOVE_TARGET" && Target == null) return "PRICE: it does not say where to";
            if (!OnTick(Target, market.Tick)) return "TARGET: " + Say(Target) + " is not on the tick " + Say(market.Tick);
            if (Side == 0) return "";
            if (Size < 1) return "SIZE: " + Size + " contracts";
            if (Size > market.LargestOrder) return "SIZE: " + Size + " contracts, and this strategy trades at most " + market.LargestOrder;
            if (Entry == null || !OnTick(Entry, market.Tick)) return "ENTRY: " + Say(Entry) + " is not on the tick " + Say(market.Tick);
            if (Math.Abs((double)Entry - market.Last) > market.FurthestTicks * market.Tick + 1e-9)
                return "ENTRY: " + Say(Entry) + " is more than " + market.FurthestTicks + " ticks from the last close at " + Say(market.Last);
            if (Stop == null) return "STOP: an entry without a stop is none";
            double stop = Closer((double)Stop, Side, market.Tick);
            Stop = stop;
            foreach (double price in new[] { (double)Entry, market.Last })
            {
                if ((price - stop) * Side <= 0) return "STOP: " + Say(stop) + " is on the wrong side of " + Say(price);
                if (Target != null && ((double)Target - price) * Side <= 0) return "TARGET: " + Say(Target) + " is on the wrong side of " + Say(price);
            }
            return "";
        }

        static bool IsId(string id)
        {
            foreach (char each in id)
                if (each <= ' ' || each > '~') return false;
            return id.Length > 0 && id.Length <= LongestId;
        }

        static bool OnTick(double? price, double tick)
        {
            return price == null || Math.Abs((double)price / tick - Math.Round((double)price / tick)) < 1e-6;
        }

        static string Say(double? price) { return price == null ? "nothing" : ((double)price).ToString(CultureInfo.InvariantCulture); }

        static string Text(Dictionary<string, object> fields, string name)
        {
            object value;
            if (!fields.TryGetValue(name, out value)) throw new FormatException(name + " is missing");
            if (!(value is string)) throw new FormatException(name + " is no text");
            return (string)value;
        }

        static double? Price(Dictionary<string, object> fields, string name)
        {
            object value;
            if (!fields.TryGetValue(name, out value)) throw new FormatException(name + " is missing");
            if (value == null) return null;
            if (!(value is double) || !((double)value > 0 && (double)value < 1e9)) throw new FormatException(name + " is no price");
            return (double)value;
        }

        static double Whole(Dictionary<string, object> fields, string name, double most)
        {
            object value;
            if (!fields.TryGetValue(name, out value)) throw new FormatException(name + " is missing");
            if (value == null) return 0;
            if (!(value is double) || (double)value != Math.Floor((double)value) || (double)value < 0 || (double)value > most)
                throw new FormatException(name + " is no whole number");
            return (double)value;
        }
    }
}
