// The file tapewire.key: who this bridge is, and which daemons it expects at the other end. `tapewire keys bridge --to FOLDER` writes it.
//
//     # a comment
//     name = "nt"
//     role = "bridge"
//     public = "..."      40 characters each, in Z85 (RFC 32 of ZeroMQ)
//     secret = "..."
//     server = "..."      the daemons' public key
//
// Other lines are ignored.

using System;
using System.Collections.Generic;
using System.IO;

namespace Tapewire
{
    /// <summary>
    /// The key of the bridge. No text of this class holds a value of the file.
    ///
    /// Threads: any; it does not change.
    /// </summary>
    public sealed class KeyFile
    {
        public const string Name = "tapewire.key";

        const string Letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"; // Z85
        const int Longest = 1 << 16; // bytes of the file

        /// <summary>32 bytes each. Server is the daemons' public key.</summary>
        public readonly byte[] Public, Secret, Server;

        KeyFile(byte[] ofPublic, byte[] secret, byte[] server)
        {
            Public = ofPublic;
            Secret = secret;
            Server = server;
        }

        /// <summary>Reads the key in a folder; null if there is none.</summary>
        /// <param name="why">Why there is none, and what to do; empty if there is one.</param>
        public static KeyFile Read(string folder, out string why)
        {
            string command = "`tapewire keys bridge --to \"" + OnTapewireSide(folder) + "\"`";
            try
            {
                KeyFile key = Parse(Fields(Path.Combine(folder, Name)), out why);
                if (why != "") why = Name + ": " + why + "; write it again: run " + command + " on the tapewire side";
                return key;
            }
            catch (Exception error) when (error is FileNotFoundException || error is DirectoryNotFoundException)
            {
                why = "no key: run " + command + " on the tapewire side";
            }
            catch (Exception error) when (error is IOException || error is UnauthorizedAccessException)
            {
                why = Name + " cannot be read: " + error.Message;
            }
            return null;
        }

        public bool Equals(KeyFile other)
        {
            return other != null && Same(Public, other.Public) && Same(Secret, other.Secret) && Same(Server, other.Server);
        }

        static KeyFile Parse(Dictionary<string, string> fields, out string why)
        {
            var halves = new List<byte[]>();
            why = fields.TryGetValue("role", out string role) && role != "bridge" ? "its role is not bridge" : "";
            foreach (string name in new[] { "role", "public", "secret", "server" })
            {
                if (why != "") return null;
                if (!fields.TryGetValue(name, out string value)) why = name + " is missing";
                else if (name != "role")
                {
                    halves.Add(Decoded(value));
                    if (halves[halves.Count - 1] == null) why = name + " is no key of 40 characters (Z85)";
                }
            }
            return why == "" ? new KeyFile(halves[0], halves[1], halves[2]) : null;
        }

        /// <summary>The lines of the form `name = "value"`.</summary>
        static Dictionary<string, string> Fields(string path)
        {
            var fields = new Dictionary<string, string>();
            using (var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            {
                if (file.Length > Longest) throw new IOException("it has more than " + Longest + " bytes");
                using (var reader = new StreamReader(file))
                    for (string line = reader.ReadLine(); line != null; line = reader.ReadLine())
                    {
                        int equals = line.IndexOf('=');
                        if (equals < 0 || line.StartsWith("#", StringComparison.Ordinal)) continue;
                        string value = line.Substring(equals + 1).Trim();
                        if (value.Length > 1 && value[0] == '"' && value[value.Length - 1] == '"')
                            fields[line.Substring(0, equals).Trim()] = value.Substring(1, value.Length - 2);
                    }
            }
            return fields;
        }

        /// <summary>The 32 bytes of 40 characters in Z85; null if they are none.</summary>
        static byte[] Decoded(string text)
        {
            if (text.Length != 40) return null;
            var bytes = new byte[32];
            ulong value = 0;
            for (int at = 0; at < 40; at++)
            {
                int letter = Letters.IndexOf(text[at]);
                if (letter < 0) return null;
                value = value * 85 + (ulong)letter;
                if (at % 5 < 4) continue;
                if (value > uint.MaxValue) return null;
                for (int of = 0; of < 4; of++) bytes[at / 5 * 4 + of] = (byte)(value >> (24 - 8 * of));
                value = 0;
            }
            return bytes;
        }

        static bool Same(byte[] one, byte[] other)
        {
            for (int at = 0; at < one.Length; at++)
                if (one[at] != other[at]) return false;
            return true;
        }

        /// <summary>A folder of a Windows drive as WSL names it: `C:\Users\me` is `/mnt/c/Users/me`.</summary>
        static string OnTapewireSide(string folder)
        {
            if (folder.Length < 3 || folder[1] != ':') return folder;
            return "/mnt/" + char.ToLowerInvariant(folder[0]) + folder.Substring(2).Replace('\\', '/');
        }
    }
}
