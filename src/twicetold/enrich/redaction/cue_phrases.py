"""The phrases that name a kind of personal data, and those that name some other number.

``(a|b|)`` stands for either, or for nothing; a phrase is written as it is heard, in lower case.
Strong ones ask for their kind by name, weak ones only make it likely.
"""

from __future__ import annotations

from twicetold.enrich.redaction.cue_kinds import ANY, SPELLING, TAIL

_NUMBER = "(number|no|num|digits|#)"
STRONG: dict[str, tuple[str, ...]] = {
    "phone": (
        f"(phone|telephone|mobile|cell|cellphone|mobile phone|cell phone|contact|callback|call "
        f"back|"
        f"daytime|evening|work|home|office|landline|fax|emergency contact|whatsapp|wireless|"
        f"work phone|home phone|contact phone) {_NUMBER}",
        "(best|good|better|alternate|alternative|direct) (contact|phone|callback|) number",
        "number (|that |where )(|to |i can |we can |you can |they can |he can |she can )"
        "(reach|call|text|ring|contact|phone|get) (you|me|him|her|them|us|back|)",
        "(reach|call|text|ring|contact|phone) (me|him|her|them|you|us) (|back )(at|on)",
        "(call|ring) (back |)(at|on)",
        "area code", "country code", "(the|your|a|my) (fax|pager|beeper)", "(my|your|his|her) "
        "(cell|mobile|landline|telephone|whatsapp)",
        "(my|your|the|at) extension", "extension number", "(what|which) number",
        "(his|her|their|wife|husband) number",
        "text (you|me) (on|at)", "(reached|contacted) (at|on)", "phone number on file",
        "(is |)(my|your|the) (phone|mobile|cell|home|work) (is|number is)",
    ),
    "card_number": (
        f"(card|credit card|debit card|visa|mastercard|amex|american express|discover|gift card|"
        f"bank card|payment card|long card|sixteen digit|fifteen digit|16 digit|pan) {_NUMBER}",
        "(long|sixteen digit|sixteen digits|16 digit|16 digits|full|whole|big) (card |)"
        "(number|digits|digit number) (on|across|from) (the|your) (front|card|front of)",
        "(number|digits|numbers) (on|across|from) (the|your|my) (front|card|front of)",
        "(read|give) (me |)(the|your) card", "long number", "(sixteen|fifteen|16|15) digits",
        "number on (the|your|my) (credit|debit) card", "(visa|mastercard|amex) (is|it is)",
        "(card|debit card|credit card) is",
    ),
    "cvv": (
        "(c v v|cvv|cvc|c v c|cvv2|cid|csv) (number|code|)",
        "(card |)(security|verification) code on",
        "(card security|card verification|security) (code|number)",
        "(three|3|four|4|last three|last 3) (digits|digit code|digit number|digit security "
        "code|numbers|"
        "digit security number|digit c v v|digit cvv) (on|from|at) (the|your) (back|front|"
        "reverse|card|signature)",
        "(three|3|four|4) digit (security |)(code|number)",
        "(code|number|numbers|digits) on the (back|reverse)",
        "signature strip", "(three|four|3|4) on the (back|front|strip|reverse)",
        "card verification value", "three on the back", "three digits",
    ),
    "card_expiry": (
        "(expiry|expiration|expire|exp|expiring) (date|month|year|)",
        "valid (through|thru|until|till|to)",
        "good (through|thru)", "(when does|does) (it|the card|your card|that card) expire",
        "(card|it|that) expires", "(expires|expiring)", "(runs|run) out", "good until",
        "date on (the|your) card", "good till", "valid until",
        "(does|do) (the|your|my|that) card (run out|end|finish)",
        "month and year",
    ),
    "email": (
        "(e mail|email|e-mail) (address|)", "mail (address|it to|id|i d)",
        "(e mail|email) (id|i d)", "(e mail|email|e-mail) (is|me at|it to)",
    ),
    SPELLING: (
        "(spell|spelled|spelt|spelling) (that|it|your|the|the name|your name|your last name|"
        "your first name|your surname|out|for me|as|)",
        "(last|first|full|middle|family|given|sur|maiden) (name|names)", "surname", "my name is",
        "(your|the|my) (full |)name", "name on the (account|card|booking|policy|order)",
        "initials",
        "letter by letter", "how do you (spell|write)",
    ),
    "national_id": (
        "(social|social security|s s n|ssn|soc) (security |)(number|)",
        "social security (number|card|)",
        "(last four|last 4|last four digits|last 4 digits) of (your|my|the|his|her) (social|"
        "ssn|s s n)",
        f"(national insurance|n i|ni|nino|national i d|national id|national identity|identity|"
        f"insurance|tax|tax i d|tax id|taxpayer|tax file|tfn|t f n|social insurance|sin|s i n|"
        f"n h s|nhs|aadhaar|aadhar|adhar|adhaar|aadhaar card|pan card|pan|p a n|permanent account|"
        f"medicare|medicare card|health card|citizen|individual tax|itin) {_NUMBER}",
        "aadhaar", "aadhar", "adhar card", "(my|your) (pan|sin|nino|ssn|tfn|social|itin)",
        "(t f n|tfn|nino)", "(medicare|pan|aadhaar|nhs|n h s) (card|is)",
        "individual reference number",
    ),
    "date_of_birth": (
        "(date|day|month|year) of birth",
        "(d o b|dob|birth date|birthdate|birthday|birth day|birth year)",
        "(day and month|month and day)", "born on", "birth", "born", "(dee oh bee|d'o'b)",
        "(i was|was|were you|are you|he was|she was|you were) born (on|in|)",
    ),
    "address": (
        "(home|billing|mailing|postal|shipping|delivery|street|current|residential|service|new|"
        "old|full|"
        "property|house|first line of your|first line of the|first line of) address",
        "(my|your|the|his|her) address",
        "(street|house|flat|apartment|apt|unit|suite|building|door|lot) (number|name)",
        "first line",
        "(what|which|your|what's the|whats the|and the|name of the) (street|road|city|town|"
        "state|suburb|county|village|district)",
        "where (do you|you) live", "where (are you|do you|you) (living|live|staying)",
        "cross street", "where to",
        "where (is|was|are) (the property|the house|the car|you located|we delivering|we going|"
        "we sending|we picking)",
        "where (do|should|shall|can|am|are) (i|we) (send|ship|deliver|mail|post|sending|"
        "shipping|coming|going|come|pick)",
        "(what|which) (suburb|area|district|borough|neighborhood|neighbourhood)",
        "(service|good|job|site) address", "pickup location", "(street|road|house) and number",
        "(flat|house|apartment|door) (number|no)",
        "(number|name) of (the|your) (house|flat|door|building|apartment|street|road|town|"
        "village)",
        "nearest (town|city|village)", "(i|we) live (at|on|in)", "live at", "living at",
        "address (is|on file|for|we have)",
        "(reside|resides|residing) at", "address",
        "(apartment|flat|unit) number", "(city|town) and state",
        "what (city|town|state|street|suburb|county)",
    ),
    "postcode": (
        "(zip|postal|post|zip plus four|pin area) code",
        "(postcode|zipcode|zip|post code|eircode|pincode)",
    ),
    "bank_account": (
        f"(account|bank account|checking account|savings account|current account|checking|savings|"
        f"routing|a b a|aba|routing and account|transit|institution|branch|acct|direct debit|"
        f"loan account|mortgage account|bank) {_NUMBER}",
        "(sort|i f s c|ifsc|b s b|bsb|swift|bic|bank|branch|routing|transit) (code|number|)",
        "(i b a n|iban|i ban|eye ban) (number|)", "routing", "b s b",
        "(my|your) (bank |)account is",
    ),
    "reference": (
        "(customer|client|order|booking|reservation|claim|case|ticket|reference|ref|confirmation|"
        "tracking|invoice|incident|request|complaint|repair|job|shipment|consignment|parcel|"
        "transaction|application|quote|quotation|record|file|subscriber|subscription|service|"
        "contract|return|rma|r m a|authorization|authorisation|approval|receipt|purchase order|"
        "work order|p o|meter|serial|imei|i m e i|account reference|payment reference|booking ref|"
        "order ref|support|enquiry|inquiry|warranty|registration|user account|delivery) "
        "(number|no|num|#|id|i d|code|reference|reference number|reference code|ref|locator)",
        "(booking|claim|order|customer|case|payment|confirmation|my|your|the|a) (reference|ref)",
        "record locator", "p n r", "pnr",
        "(customer|client|order|case|ticket) (is|number's)",
        "(claim|case|order|ticket|booking|confirmation|reservation) number", "confirmation is",
    ),
    "member_number": (
        "(member|membership|policy|patient|subscriber|group|insurance|health plan|plan|loyalty|"
        "frequent flyer|frequent flier|rewards|medical record|hospital|m r n|mrn|library card|"
        "club card|"
        "loyalty card|insurance card|student|employee|staff|scheme|medicare member|medicaid|"
        "beneficiary|policyholder|certificate|m|health insurance|chart) (number|no|num|#|id|i "
        "d|code)",
        "(my|your|the) (policy|membership|member) is", "(m r n|mrn)",
        "number on your (insurance|member) card",
        "insurance policy number",
    ),
    "document_number": (
        f"(passport|passport book|driver|drivers|driver's|driving|driver licence|driver "
        f"license|drivers licence|"
        f"drivers license|driving licence|driving license|licence|license|visa grant|green card|"
        f"alien registration|resident permit|identity card|i d card|id card) {_NUMBER}",
        "(driver|drivers|driving) (license|licence)", "passport", "(my|your) (license|licence) is",
    ),
    "pin": (
        "(pin|p i n) (number|code|)",
        "(pass|security pin|access|gate|door|alarm|entry|unlock|voicemail|safe) code",
        "passcode", "(four|4|six|6) digit (pin|passcode)", "telephone (banking |)(pin|passcode)",
        "pins",
    ),
    "password": (
        "(combination|lock combination|safe combination|security word|secret word|magic word|"
        "combination|safe combination|lock combination|security word|secret word|safe word|"
        "code word|wifi|wi fi|wi-fi|password|pass word|passphrase|pass "
        "phrase|passwords|wi fi password|wifi password|"
        "verbal password|"
        "temporary password|network key|wifi key)",
    ),
    "security_answer": (
        "(mother|mothers|mom|moms|mum|mums|mother's|grandmother|grandmothers) maiden (name|)",
        "maiden (name|)",
        "(name of |)(your|my|the|his|her|) (first|childhood|favorite|favourite) (pet|dog|cat|"
        "car|school|teacher|"
        "job|street|friend|color|colour|food|movie|film|book|band|team|hero|place|sports team|"
        "singer|city|"
        "football team|holiday|restaurant|author|animal|game|song|sport|concert|employer|boss|"
        "roommate)",
        "(first|childhood) (pet|dog|cat|school|teacher|street) name",
        "(pet|pets|dog|dogs|cat|cats) name",
        "(first|childhood) (pet|car|school|teacher|street|best friend|phone)",
        "(security|secret|memorable) (question|answer|word|place|name|date|phrase|questions|"
        "information|info)",
        "(city|town|place|hospital|street|village) (were you|you were|i was|was i|you|i) (born|"
        "grew up|grow up) (in|on|)",
        "(city|town|place|street|hospital|village) (did you|where you|where i|that you|that i|"
        "i|you) "
        "(grow up|grew up|were born|was born|meet|met|born) (in|on|)",
        "(elementary|primary|high|secondary) school", "(city|town|place|country) of birth",
        "childhood nickname", "middle name", "password hint",
        "best man",
        "(best friend|grandfather|grandmother|father|mother|teacher) (first |middle |)name",
        "(meet|met) (your|my|the) (spouse|husband|wife|partner)",
        "where did you (meet|grow up|go to school)", "answer (is|to that)", "(the|my|your) answer",
    ),
    "one_time_code": (
        "(verification|one time|one-time|confirmation|authentication|authenticator|security|"
        "access|login|"
        "log in|sms|text|activation|passcode|six digit|6 digit|four digit|eight digit|temporary|"
        "authorization|two factor|two step|o t p|otp|m f a|2fa|temp|unique|validation|recovery|"
        "backup|sign in) "
        "(code|passcode|pass code|codes|p i n|token)", "(one time|one-time) password",
        "(o t p|otp)",
        "code (that |)(we|i|you|they|was|it|is) (just |)(sent|texted|emailed|got|received|send|"
        "get|see|have|says|shows)",
        "(the|that|your|a|my) code", "code (is|says|was|in the)",
        "(one time|one-time) (thing|one|number|pin|passcode)",
        "(texted|text|sent|texting) (me|you|us)",
        "(authenticator|authenticator app)",
        "(six|four|eight|6|4|8) digits",
        "(code|digits|number) on (your|the|my) (screen|authenticator|phone|app|text)",
        "(six|6|four|4|eight|five) digit (number|code)",
        "(text|message) (says|said|with)", "code",
    ),
    "username": (
        "(user|login|log in|log-in|sign in|screen|skype|twitter|instagram|account) (name|handle)",
        "(ssh|admin|windows|root|db|linux|sql|vpn|wifi|ftp) user",
        "what name do you (use|go by|log in)", "name on (your|the) profile",
        "(online|web|portal|profile|account) (id|name|i d)",
        "what do you (sign|log) in (with|as)", "unknown user", "(i|he|she) (go|goes) by", "(on "
        "there|on here|down|up) as",
        "(sign|log|signing|logging|signed|logged) (me |us |you |him |her |)(in|on|up) (as|with|"
        "under)",
        "(sign in|sign-in|signin|login)", "(set|sign|put) (me|him|her|us) up as", "known as",
        "(insta|instagram|twitter|tiktok|discord|twitch|steam|xbox|psn|snapchat|github|reddit|"
        "telegram|"
        "slack|skype|facebook) (name|handle|id|account|user|username|is|)",
        "(is it|it is|still|registered|listed) (still |)under",
        "(account|profile|user) (called|named)", "online i d", "(the|my|your) user",
        "(username|user name|userid|user id|user i d|login|log in|handle|login id|login i d|"
        "gamertag|"
        "gamer tag|screen name|screenname|user names|usernames)",
        "(online banking|online|web|portal) (id|i d|name)",
        "(log in|sign in|logged in|logging in|signed in) (as|with)", "skype",
    ),
    "ip_address": (
        "(i p|ip|static ip|static i p|server|public ip|public i p) (address|)",
        "(default gateway|subnet|gateway)",
        "(ipv4|ipv6|i p v four|i p v six) (address|)",
    ),
    "licence_plate": (
        "(license|licence|number|registration|car|vehicle|reg|tag) (plate|plates|tag)",
        "(plate|tag) number",
        "(vehicle|car|van|bike) (registration|reg|plate|tag)", "(registration|reg)",
        "(my|your|the|license) (plate|plates|tags)",
        "rego", "reg (number|plate|mark)", "v i n", "vin (number|)",
        "vehicle identification number",
        "plates",
    ),
    TAIL: (
        "(ending|ends|finishing|finishes) (in|with|on|)", "end (in|with)",
        "(last|final) (four|4|three|3|five|two|2|6|six) "
        "(digits|numbers|of|on|are|is)", "last (four|4)", "last digits",
        "(starting|starts|begins|beginning|start|begin) (with|in)",
    ),
    ANY: (
        "(my|your|the|that|full|whole|correct|right|actual) (number|digits|numbers)",
        "(number|numbers|digits) (is|are)",
        "(my|your) (id|i d)", "(member|card|account|my|your|the) (id|i d) is",
    ),
}  # fmt: skip
