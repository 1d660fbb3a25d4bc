// When the sockets connect, with which key, and what stands in the way.

namespace Tapewire
{
    /// <summary>
    /// Looks for a key as long as there is none, or none that the daemons answer to. So a file that is written or replaced is enough; nothing
    /// has to be loaded again. NetMQ does not report that a key was refused: that the broker, whose heartbeat comes once a second,
    /// is silent is all that shows.
    ///
    /// Threads: the poller's only. Any thread may read Trouble.
    /// </summary>
    sealed class Access
    {
        const int LookMs = 1000; // between two looks at the file
        const int PatienceMs = 5000; // how long the broker may be silent

        readonly string _folder, _where;
        volatile string _trouble = "";
        string _failed = ""; // why the last attempt to connect failed
        KeyFile _key;
        long _silentMs, _nextLookMs;

        /// <param name="where">Host and port of the daemons, for Trouble.</param>
        public Access(string folder, string where)
        {
            _folder = folder;
            _where = where;
        }

        /// <summary>Why there is no connection, and what to do; empty if there is one, or if it is too early to tell.</summary>
        public string Trouble { get { return _trouble; } }

        /// <summary>A message of the broker's has arrived.</summary>
        public void Answered(long nowMs)
        {
            _silentMs = nowMs;
            _trouble = "";
        }

        /// <summary>The sockets have connected with the key, or could not (`why`): then the next look returns it again.</summary>
        public void Tried(string why)
        {
            _failed = _trouble = why == "" ? "" : "cannot connect to " + _where + ": " + why;
            if (why != "") _key = null;
        }

        /// <summary>The key to connect with from now on, in place of the last one; null if there is no other.</summary>
        public KeyFile Look(long nowMs)
        {
            bool silent = _key != null && nowMs - _silentMs >= PatienceMs;
            if (_key != null && !silent || nowMs < _nextLookMs) return null;
            _nextLookMs = nowMs + LookMs;
            KeyFile found = KeyFile.Read(_folder, out string why);
            _trouble = why != "" ? why : silent ? NoAnswer() : "";
            if (found == null || found.Equals(_key)) return null;
            _key = found;
            _silentMs = nowMs;
            _trouble = _failed;
            return found;
        }

        string NoAnswer()
        {
            return "no answer from " + _where + ": is tapewire up, and is " + KeyFile.Name + " of this installation? (tapewire doctor tells which)";
        }
    }
}
