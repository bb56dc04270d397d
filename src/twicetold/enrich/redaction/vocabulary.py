"""Words that stand for digits, letters and signs, and those that mean nothing between them."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, each once."""
    return frozenset(text.split())


UNITS = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0", "aught": "0",
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "niner": "9",
}  # fmt: skip
TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
TENS = {
    "twenty": "20", "thirty": "30", "forty": "40", "fourty": "40", "fifty": "50", "sixty": "60",
    "seventy": "70", "eighty": "80", "ninety": "90",
}  # fmt: skip
SCALES = {"hundred": "00", "thousand": "000", "million": "000000", "billion": "000000000"}
REPEATS = {"double": "2", "triple": "3", "treble": "3", "quadruple": "4"}
ORDINALS = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6",
    "seventh": "7", "eighth": "8", "ninth": "9", "tenth": "10", "eleventh": "11",
    "twelfth": "12", "thirteenth": "13", "fourteenth": "14", "fifteenth": "15",
    "sixteenth": "16", "seventeenth": "17", "eighteenth": "18", "nineteenth": "19",
    "twentieth": "20", "thirtieth": "30",
}  # fmt: skip
MONTHS = {
    "january": "1", "february": "2", "march": "3", "april": "4", "may": "5", "june": "6",
    "july": "7", "august": "8", "september": "9", "october": "10", "november": "11",
    "december": "12", "jan": "1", "feb": "2", "mar": "3", "apr": "4", "jun": "6", "jul": "7",
    "aug": "8", "sept": "9", "sep": "9", "oct": "10", "nov": "11", "dec": "12",
}  # fmt: skip
SYMBOLS = {
    "dot": ".", "point": ".", "period": ".", "at": "@", "dash": "-", "hyphen": "-",
    "minus": "-", "underscore": "_", "slash": "/", "stroke": "/", "plus": "+", "hash": "#",
    "hashtag": "#", "pound": "#", "star": "*", "asterisk": "*", "colon": ":",
    "exclamation": "!", "ampersand": "&", "apostrophe": "'",
}  # fmt: skip

# Heard for a digit between digits.
HOMOPHONES = {"to": "2", "too": "2", "for": "4", "fore": "4", "ate": "8", "won": "1", "sex": "6",
              "tree": "3", "fife": "5"}  # fmt: skip

NATO = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar "
    "papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu"
)
# Others that callers use; and how recognisers write the first.
OTHER_ALPHABETS = (
    "alfa juliett whisky x-ray adam boy baker charles david dog edward easy frank fox george "
    "henry ida item john king lincoln love mary nora nancy ocean oboe paul peter queen robert "
    "roger sam sugar tom union uncle william young yoke zebra able apple"
)
# How letters sound, where a recogniser writes that.
LETTER_NAMES = {
    "zee": "Z", "zed": "Z", "bee": "B", "cee": "C", "dee": "D", "gee": "G", "jay": "J", "kay": "K",
    "cue": "Q", "queue": "Q", "tee": "T", "vee": "V", "why": "Y", "ex": "X", "em": "M", "en": "N",
    "ell": "L", "el": "L", "ess": "S", "eff": "F", "aitch": "H", "are": "R", "you": "U",
    "see": "C",
    "be": "B", "pea": "P", "pee": "P", "tea": "T", "eye": "I",
}  # fmt: skip
PHONETIC = {word: word[0].upper() for word in f"{NATO} {OTHER_ALPHABETS}".split()}
SURELY_PHONETIC = frozenset(f"{NATO} x-ray alfa juliett whisky".split()) - {
    "november",
    "hotel",
    "india",
}

# Between two digits of one number they change nothing.
TIGHT_FILLERS = words("um uh er erm ehm eh ah hmm hm mm mhm uhm umm uhh okay ok comma space")
FILLERS = TIGHT_FILLERS | words(
    "and then so like well sorry wait yeah yep yes yup right no nope sure alright uh-huh "
    "uhhuh huh next again that's thats it's its is actually followed by hang on got it mean"
)
# What one side says while the other one dictates.
BACKCHANNEL = FILLERS | words(
    "go ahead please thanks thank you great perfect good fine cool gotcha i see ready "
    "continue carry keep going the rest what's whats next okey dokey lovely wonderful "
    "excellent of course certainly absolutely correct exactly all keep with me i'm im "
    "listening noted take your time still here hold a moment one second sec and let me get "
    "just find oops whoops sir ma'am madam yes'm something whatever cheers ta brilliant super "
    "awesome"
)
CORRECTIONS = words(
    "no sorry nope not wrong actually correction instead oops scratch meant mistake rather "
    "incorrect wait"
)

# Letters that are said together and are no name.
ACRONYMS = words(
    "usa uk us atm kpmg pwc ey directv misc ach pin ssn cvv cvc dob tv ip ac id nhs vip faq "
    "gps aaa eta bbc ibm vpn url pdf dvd led usb iban hsbc irs cd pc it hr ceo nba nfl ups "
    "usps fbi cia dmv hdmi lcd ssd ram cpu gpu wifi sms mms sim esim tfn bsb ifsc pan ni nino "
    "ein itin vin po ok faqs html api sql aws isp dns http https www com tlc diy asap fyi "
    "rsvp bmw kia suv mri ct er icu gp ppo hmo hsa fsa ira aprs apr vat gst pst est cst mst "
    "hmrc dvla dvsa hvac dwp dhl cctv aarp fema osha nasa nato ofgem ofcom rac rspca uefa "
    "pdq pcp ccj mot ofsted gdpr cvs wwf faa epa ssa va dhs uscis ftc sec fdic bupa "
    "anz bnz rbc bmo cibc abn bpay asb nab usps mot nct "
    "am pm bc ad ps ds abc cnn nbc cbs mtv hbo otp mfa sso crm pos qr roi kpi sla ola uat ev "
    "rv ra nsa dna hiv std xl xxl xs ab dj mc phd mba ba ma md rn cpa llc ltd plc rbs tsb bt "
    "ee att bp ge gm ford ny la dc sf"
)

# Function words and what is said in answers without being the answer.
STOP = words(
    "a an the this that these those it its it's that's thats i i'm im i'll ill i've ive i'd "
    "we we're we'll we've you you're you'll you've your yours he she they them him her his "
    "their our my me mine us is are was were be been being am do does did done doing have has "
    "had having can could will would shall should may might must not no nope yes yeah yep yup "
    "ok okay sure and or but if then so because as of to in on at by for from with about into "
    "over under up down out off again here there where when what which who whom whose why how "
    "all any both each that'd that'll it'd it'll few more most other some such only own same "
    "than too very just now also please thanks thank sorry um uh er erm hmm mhm mm ah oh well "
    "right alright great perfect good fine let let's lets one's there's what's here's who's "
    "don't dont can't cant won't didn't doesn't isn't wasn't haven't get got give given take "
    "took tell told say said know think see look looking need want like make sir madam ma'am "
    "hello hi hey bye"
)
