// The file http.key: one line, as `tapewire keys token NAME` prints it. It is read before each request, so a new key needs no restart.

using System;
using System.IO;
using System.Security.AccessControl;
using System.Security.Principal;
using System.Text;

namespace Tapewire.Http
{
    /// <summary>
    /// The key in a folder. No text of this class holds it.
    ///
    /// Threads: any.
    /// </summary>
    public static class KeyLine
    {
        public const string Name = "http.key";

        const int Longest = 1024; // bytes

        /// <summary>Who else may read a file, in words; empty if nobody. A test on another system replaces it.</summary>
        public static Func<string, string> Others = path => OthersIn(File.GetAccessControl(path));

        /// <summary>Reads the key; null if there is none that is safe to use.</summary>
        /// <param name="why">Why there is none, and what to do; empty if there is one.</param>
        public static string Read(string folder, out string why)
        {
            string path = Path.Combine(folder, Name);
            try
            {
                string text;
                using (var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
                {
                    string others = Others(path);
                    why = others + " may read " + path + "; close it: icacls \"" + path + "\" /inheritance:r /grant:r \"%USERNAME%:F\"";
                    if (others != "") return null;
                    why = Name + " is longer than a key";
                    if (file.Length > Longest) return null;
                    using (var reader = new StreamReader(file, Encoding.ASCII)) text = reader.ReadToEnd().Trim();
                }
                why = Name + " is no key; write it again: tapewire keys token NAME";
                int point = text.IndexOf('.');
                if (point < 1 || point == text.Length - 1) return null;
                foreach (char each in text) // so that it can begin no other header
                    if (each <= ' ' || each > '~' || each == '?') return null;
                why = "";
                return text;
            }
            catch (Exception error) when (error is FileNotFoundException || error is DirectoryNotFoundException)
            {
                why = "there is no " + path + "; write it: tapewire keys token NAME";
            }
            catch (Exception error)
            {
                why = path + " cannot be read, or its permissions cannot: " + error.Message;
            }
            return null;
        }

        /// <summary>Who may read it besides the user himself, the system and administrators, who can read everything.</summary>
        public static string OthersIn(FileSystemSecurity security)
        {
            SecurityIdentifier user = Environment.OSVersion.Platform == PlatformID.Win32NT ? WindowsIdentity.GetCurrent().User : null;
            foreach (FileSystemAccessRule rule in security.GetAccessRules(true, true, typeof(SecurityIdentifier)))
            {
                var who = (SecurityIdentifier)rule.IdentityReference;
                bool reads = rule.AccessControlType == AccessControlType.Allow && (rule.FileSystemRights & FileSystemRights.ReadData) != 0;
                bool may = who.Equals(user) || who.Value == "S-1-5-18" || who.Value == "S-1-5-32-544" || who.Value == "S-1-3-4";
                if (reads && !may) return "another user (" + who.Value + ")";
            }
            return "";
        }
    }
}
