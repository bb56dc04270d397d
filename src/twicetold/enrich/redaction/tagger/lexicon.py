"""Words of calls by what they are about: one word stands for its like.

Authors ask for the same datum in other words; a class lets the tagger carry over from "what do you
sign in with" to "what do you log on as". Written by hand.
"""

from __future__ import annotations

from collections.abc import Mapping

from twicetold.enrich.redaction.vocabulary import words

_CLASSES = {
    "login": "login log logon logging logged sign signin signs signing signed username usernames "
    "user userid handle handles alias nickname nick screen profile portal app account website "
    "site online id gamertag channel server forum",
    "secret": "password passwords passphrase passcode pin pins secret memorable security hint "
    "code codeword keyword phrase word credentials answer reset unlock verify prove question "
    "questions",
    "past": "first pet dog cat hamster rabbit pony goldfish school teacher primary mother "
    "mother's mum mum's maiden father father's dad grandmother grandfather nan nickname "
    "favourite favorite childhood street born honeymoon married best friend film movie book song "
    "band singer team car hero city town job boss concert holiday food colour",
    "home": "address live lives living lived reside residing resident house home property place "
    "premises flat post posted posting deliver delivered delivery delivering send sent sending "
    "ship shipped shipping billing registered mailing mail residence located move moved moving "
    "collect pick parcel letter package courier",
    "born": "born birth birthday birthdate dob age birthdays turned turn",
    "phone": "phone telephone mobile cell landline ring call reach text whatsapp callback "
    "contact number digits extension dial fax handset caller",
    "mailing": "email e-mail mail mails inbox emails gmail address domain at dot confirmation",
    "card": "card cards debit credit visa mastercard amex charge charged front back strip "
    "signature expiry expires expire valid thru cvv cvc security pay payment paying",
    "bank": "bank banking account sort iban routing bsb swift ifsc branch building society "
    "savings current cheque checking transit institution transfer debit wire deposit paid refund",
    "papers": "passport licence license medicare nhs insurance national social tax ppsn pps "
    "aadhaar pan sin ssn nino utr tfn visa permit document card identity citizen emirates",
    "member": "member membership patient policy subscriber loyalty rewards club flyer frequent "
    "scheme insured policyholder plan cover group health dental gym library student staff "
    "employee badge",
    "order": "order orders reference ref booking bookings reservation claim claims case ticket "
    "tracking confirmation invoice customer consignment job incident complaint quote query "
    "parcel locator pnr record docket shipment waybill receipt file crm",
    "vehicle": "car vehicle van truck plate plates registration reg rego tag number-plate bike "
    "motorbike scooter lorry suv hilux ford toyota golf parked parking mot garage tow",
    "machine": "ip router network gateway dns subnet mask server ping port modem wan lan v4 ipv4 "
    "interface static",
    "spell": "spell spelt spelled spelling spells letter letters letter's surname surnames name "
    "names last first middle initial initials capital caps lowercase uppercase hyphen apostrophe "
    "pronounced double alphabet",
    "where": "street road avenue drive lane court close crescent way terrace boulevard square "
    "row gardens grove hill park mews parade walk rise highway parkway circle building tower "
    "block floor suite unit apartment apt flat cottage lodge villa bungalow farm barn house "
    "manor hall mill sector phase stage cross main colony nagar marg plot door layout society "
    "residency enclave vihar extension opposite behind near beside above rear end corner "
    "junction estate box rural route county village town city parish townland north south east "
    "west lower upper old new saint st mount green bridge station wharf quay harbour beach bay "
    "island",
    "thing": "model version serial part error fault sku build firmware product item make size "
    "colour batch edition release channel series type chip processor memory screen engine "
    "printer boiler washer fridge phone laptop tv camera",
    "money": "price cost costs total balance bill amount pay paid owe owed fee fees charge "
    "refund pounds dollars euros rupees quid bucks cents pence rent salary budget discount "
    "deposit tax vat gst cheaper expensive premium instalment instalments loan interest",
    "count": "many much few several times pieces packs boxes bags pairs bottles units people "
    "guests adults kids children nights days weeks months years hours minutes miles metres kilos "
    "grams litres percent degrees inches feet points score reading meter pages copies seats "
    "rooms",
    "time": "time today tomorrow yesterday tonight morning afternoon evening monday tuesday "
    "wednesday thursday friday saturday sunday week weekend month year open opens close closes "
    "opening hours o'clock noon midnight slot appointment until since ago later early late",
    "travel": "flight train bus gate terminal platform seat row departure departs arrives "
    "arrival coach airport station ferry airline boarding delayed",
    "tell": "give tell say read confirm verify check need have got get take may could can would "
    "please provide what's what which whats your",
    "again": "repeat again sorry pardon missed catch back read correct right that's so",
    "mend": "no not wrong sorry scratch wait actually meant mean instead rather oops hang",
    "refuse": "rather won't don't not comfortable never why no refuse privacy scam safe",
    "know": "know remember recall think forgot forgotten sure idea maybe guess believe probably",
    "place": "london dublin cork galway belfast glasgow edinburgh cardiff leeds manchester "
    "birmingham bristol liverpool york mumbai delhi chennai kolkata bangalore bengaluru "
    "hyderabad pune kochi trivandrum jaipur lucknow sydney melbourne brisbane perth adelaide "
    "hobart canberra darwin toronto vancouver calgary ottawa montreal winnipeg halifax edmonton "
    "texas ohio florida california oregon nevada arizona georgia virginia alabama maine iowa "
    "kansas denver boston chicago seattle houston dallas austin phoenix portland auckland "
    "wellington lagos nairobi johannesburg durban dubai singapore ireland england scotland wales "
    "india australia canada america ontario quebec alberta kerala maharashtra karnataka victoria "
    "queensland kent essex sussex devon cornwall dorset surrey norfolk suffolk durham cumbria "
    "wexford mayo kerry donegal",
    "name": "john mary james robert michael william david richard joseph thomas charles daniel "
    "matthew anthony mark paul steven andrew joshua kevin brian george edward ronald timothy "
    "jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon "
    "benjamin samuel patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa "
    "nancy betty margaret sandra ashley kimberly emily donna michelle carol amanda melissa "
    "deborah stephanie rebecca sharon laura cynthia kathleen amy angela anna emma olivia sophie "
    "chloe lucy grace ellie molly daisy alice rosie jack harry oliver charlie alfie freddie "
    "archie leo max sam tom ben joe dave steve mike bob jim tim dan pat sean liam niamh aoife "
    "ciara siobhan declan priya rahul anita sunita raj ravi amit neha pooja arjun deepak sanjay "
    "vijay lakshmi meena kumar singh patel sharma khan ali ahmed mohammed fatima smith jones "
    "brown taylor wilson davies evans johnson williams miller davis garcia murphy kelly walsh "
    "byrne tommy freddy jane",
    "beast": "dog cat rabbit hamster horse pony goat cow sheep pig hen chicken duck goose swan "
    "owl eagle hawk robin crow fox badger otter beaver bear wolf lion tiger elephant hippo "
    "monkey snake turtle tortoise frog fish trout salmon shark whale dolphin bee bug spider "
    "butterfly hedgehog mouse rat squirrel parrot budgie penguin panda koala kangaroo dragon "
    "unicorn donkey",
    "colour": "red blue green yellow orange purple pink black white brown grey gray silver gold "
    "golden violet crimson scarlet teal turquoise navy amber",
    "food": "apple banana cherry lemon mango peach pear plum berry strawberry walnut almond "
    "potato tomato onion carrot pepper biscuit cookie cake pie pudding pizza pasta curry rice "
    "bread cheese butter honey jam marmalade toffee chocolate coffee tea sugar salt pickle "
    "pickled noodle soup waffle pancake muffin",
    "nature": "sun moon star sky rain snow storm thunder wind cloud river lake sea ocean "
    "mountain valley forest tree oak maple willow pine rose lily daisy sunflower tulip stone "
    "rock sand fire summer winter spring autumn sunset sunrise rainbow garden meadow field "
    "desert jungle island",
    "being": "happy lucky sunny funny crazy lazy sleepy fast slow big little tiny mighty super "
    "mega mad wild silent quiet brave magic mystic dark bright royal king queen prince princess "
    "captain doctor mister mrs miss lord lady granny grandad ninja pirate wizard knight hunter "
    "rider gamer player runner dancer rocket turbo wee",
}  # fmt: skip

# Acronyms that are spelled in calls and name no one.
ACRONYMS = words(
    "abs ac api apr asap atm bbc bmw bp bsb cctv cd ceo cfo cm cng cnn cpu crm ct cv dc dhl diy "
    "dmv dns dob dvd dvla ean ecg ecu emi esr eta eu ev faq fedex fyi gp gps gpu gst hba hdd "
    "hdmi hgv hmrc hp hr hsbc http iban ibm id ifsc imei imps ip irctc irs isa it jcb kbps kg "
    "km kyc lan lcd led lg lic lpg mbps ml mm mot mpg mph mri nda neft nhs odo ok otp pan paye "
    "pdf pin pnr po pto rac ram rbs rpm rsvp rtgs sbi sku sms sql ssd ssn suv tba tbc tsa tsb "
    "tv uae uk upc upi ups url usa usb usps vat vin vip vpn vw wan wifi www"
)

# Per word, its classes.
CLASSES: Mapping[str, tuple[str, ...]] = {
    word: tuple(name for name, listed in _CLASSES.items() if word in listed.split())
    for word in words(" ".join(_CLASSES.values()))
}
