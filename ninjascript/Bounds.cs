// What a message may be: the limits of bus/PROTOCOL.md, section 2, "Bounds", as far as they concern a venue. bus/bounds.py is the Python
// counterpart.

namespace Tapewire
{
    /// <summary>
    /// The limits, and the codes of a Refusal that names one. A limit is far beyond every valid message. It stops what would end this side, or
    /// silence the gate here for good: an epoch, a number or a time that makes everything after it old.
    /// </summary>
    public static class Bounds
    {
        public const string Unreadable = "unreadable", Topic = "topic", Frame = "frame", Epoch = "epoch", Sequence = "sequence", Time = "time";

        /// <summary>Bytes of any frame, and of a fact or a request. Only a page of history is longer than these.</summary>
        public const int MaxFrame = 4 << 20, MaxMessage = 1 << 20;

        /// <summary>Bytes and words of a topic.</summary>
        public const int MaxTopic = 200, MaxWords = 16;

        /// <summary>How far a number may be above the last one of its topic and epoch.</summary>
        public const long MaxJump = 1 << 24;

        /// <summary>2100-01-01 in UTC.</summary>
        public const long MaxTimeNs = 4102444800000000000;

        /// <summary>How far an epoch or a market time may be ahead of this PC's clock.</summary>
        public const long AheadNs = 86400000000000;

        /// <summary>How far a market time may be ahead of the one reached, if that is itself ahead of the clock (a dated replay).</summary>
        public const long ReplayAheadNs = 31 * AheadNs;

        public const double MaxPrice = 1e7, MaxDollars = 1e13;
        public const long MaxQty = 10000, MaxVolume = 1000000000000;

        /// <summary>A text for a person, which may quote a message: 1,000 characters at most, so that the text itself breaks no limit.</summary>
        public static string Sentence(string text)
        {
            if (text.Length <= 1000) return text;
            return text.Substring(0, char.IsHighSurrogate(text[999]) ? 999 : 1000);
        }

        /// <exception cref="Refusal">The epoch is more than a day ahead of the clock, as no run's is.</exception>
        public static void CheckEpoch(string topic, long epoch, long nowNs)
        {
            if (epoch > nowNs + AheadNs) throw new Refusal(topic + ": epoch " + epoch + " is more than a day ahead of this PC's clock (" + nowNs + ")", Epoch);
        }

        /// <exception cref="Refusal">The number is more than MaxJump above the highest of its topic.</exception>
        public static void CheckJump(string topic, long highest, long seq)
        {
            if (seq - highest > MaxJump) throw new Refusal(topic + ": number " + seq + " after " + highest + ", the limit of a step is " + MaxJump, Sequence);
        }
    }

    /// <summary>
    /// The limits that depend on what came before. The first message may have any market time, because a recording may be dated ahead of this PC's
    /// clock.
    ///
    /// Threads: one at a time.
    /// </summary>
    public sealed class Limits
    {
        long _reachedNs;

        /// <exception cref="Refusal">The epoch or the market time is not plausible now. Nothing has changed.</exception>
        public void Check(string topic, Header header, long nowNs)
        {
            Bounds.CheckEpoch(topic, header.Epoch, nowNs);
            bool datedAhead = _reachedNs > nowNs + Bounds.AheadNs;
            long untilNs = datedAhead ? _reachedNs + Bounds.ReplayAheadNs : nowNs + Bounds.AheadNs;
            if (header.EventNs > untilNs && _reachedNs > 0)
                throw new Refusal(
                    topic + ": market time " + header.EventNs + " is too far ahead of this PC's clock (" + nowNs + ") and of the market time reached ("
                    + _reachedNs + "); compare the clocks", Bounds.Time);
            if (header.EventNs > _reachedNs) _reachedNs = header.EventNs;
        }
    }
}
