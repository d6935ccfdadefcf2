// Which names PostgreSQL takes for a server encoding: the `encoding` of a control file.
// Source: pg_valid_server_encoding() and the table of src/common/encnames.c.

/** As clean_encoding_name() leaves them. SJIS, BIG5, GBK, UHC, GB18030, JOHAB and SHIFT_JIS_2004 are for clients only. */
const serverEncodings = new Set(
  [
    'abc alt euccn eucjis2004 eucjp euckr euctw iso88591 iso885910 iso885913 iso885914 iso885915 iso885916',
    'iso88592 iso88593 iso88594 iso88595 iso88596 iso88597 iso88598 iso88599 koi8 koi8r koi8u',
    'latin1 latin10 latin2 latin3 latin4 latin5 latin6 latin7 latin8 latin9 muleinternal sqlascii tcvn tcvn5712',
    'unicode utf8 vscii win win1250 win1251 win1252 win1253 win1254 win1255 win1256 win1257 win1258 win866 win874',
    'windows1250 windows1251 windows1252 windows1253 windows1254 windows1255 windows1256 windows1257 windows1258',
    'windows866 windows874',
  ].flatMap((line) => line.split(' ')),
)

export function isServerEncoding(name: string): boolean {
  return name.length < 64 && serverEncodings.has(name.replace(/[^A-Za-z0-9]/g, '').toLowerCase())
}
