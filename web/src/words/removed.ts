/** What redaction took away, in the page's words: one of it, and several. */
const KINDS: Record<string, readonly [string, string]> = {
  phone: ["phone number", "phone numbers"],
  card_number: ["card number", "card numbers"],
  cvv: ["card security code", "card security codes"],
  card_expiry: ["card expiry date", "card expiry dates"],
  email: ["e-mail address", "e-mail addresses"],
  name: ["name", "names"],
  national_id: ["national ID", "national IDs"],
  date_of_birth: ["date of birth", "dates of birth"],
  address: ["address", "addresses"],
  postcode: ["postcode", "postcodes"],
  bank_account: ["bank account", "bank accounts"],
  reference: ["reference", "references"],
  member_number: ["member number", "member numbers"],
  document_number: ["document number", "document numbers"],
  pin: ["PIN", "PINs"],
  password: ["password", "passwords"],
  security_answer: ["security answer", "security answers"],
  one_time_code: ["one-time code", "one-time codes"],
  username: ["user name", "user names"],
  ip_address: ["IP address", "IP addresses"],
  licence_plate: ["licence plate", "licence plates"],
  number: ["long number", "long numbers"],
};

const WITHHELD = "withheld";
const MASKED = "masked";
const LABEL = /^\[([A-Z][A-Z_]*)(?:-([0-9a-f]+))?\]/;
const MASK = /^\*{3,}/;

/** The kind that a stand-in stands for, where the word's own kind was not told; null: none. */
export function kindIn(text: string): string | null {
  const label = LABEL.exec(text)?.[1]?.toLowerCase();
  if (label !== undefined) return label in KINDS || label === WITHHELD ? label : null;
  return MASK.test(text) ? MASKED : null;
}

/** What the block says: the kind, and the tag by which the same values are known. */
export function blockOf(kind: string, text: string): { label: string; tag: string } {
  const tag = LABEL.exec(text)?.[2] ?? "";
  return { label: kind === MASKED ? "removed" : nameOf(kind), tag };
}

/** What is said of the block to those who hear it. */
export function spokenOf(kind: string): string {
  if (kind === WITHHELD) return "withheld: redaction has not seen these words";
  return kind === MASKED ? "removed" : `${nameOf(kind)}, removed`;
}

/** "2 phone numbers". */
export function counted(kind: string, count: number): string {
  return `${count} ${count === 1 ? nameOf(kind) : (KINDS[kind]?.[1] ?? nameOf(kind))}`;
}

/** A kind that is not known yet is told by its own name. */
function nameOf(kind: string): string {
  return KINDS[kind]?.[0] ?? kind.replaceAll("_", " ");
}
