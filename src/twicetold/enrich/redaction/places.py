"""Words that make up addresses."""

from __future__ import annotations

from twicetold.enrich.redaction.vocabulary import words

SUFFIXES = words(
    "estate enclave street st road rd avenue ave drive dr lane ln court ct boulevard blvd way "
    "place pl close crescent terrace square sq parkway pkwy circle cir gardens grove hill "
    "park row mews walk trail highway hwy alley heights loop run ridge pike turnpike plaza "
    "quay wharf esplanade parade broadway green rise vale view meadow meadows fields cottages "
    "villas nagar marg colony cross"
)
# Those that stand in many sentences: an address only close behind a number.
VAGUE_SUFFIXES = words(
    "estate enclave way place close park hill run drive row walk court circle square view "
    "green rise cross trail loop fields ridge colony parade st dr ct pl plaza gardens terrace "
    "heights meadow pike alley grove"
)
# Not streets, and named like them: only behind a number.
BUILDINGS = words(
    "annexe barn mill maltings manor hall annexe barn mill maltings manor hall house building "
    "lodge mansions tower towers residency cottage farm granary"
)
UNITS = words(
    "blk apartment apt flat unit suite ste floor lot room building block tower house "
    "penthouse box sector plot phase stage level villa"
)
DIRECTIONS = words(
    "north south east west northeast northwest southeast southwest n s e w ne nw se sw saint "
    "upper lower old new st"
)
STATES = words(
    "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia "
    "hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland "
    "massachusetts michigan minnesota mississippi missouri montana nebraska nevada hampshire "
    "jersey mexico york carolina dakota ohio oklahoma oregon pennsylvania tennessee texas "
    "utah vermont virginia washington wisconsin wyoming ontario quebec manitoba saskatchewan "
    "alberta scotia victoria queensland tasmania england scotland wales ireland yorkshire "
    "lancashire kent essex sussex surrey devon cornwall dorset norfolk suffolk cheshire "
    "maharashtra karnataka kerala gujarat rajasthan punjab delhi nadu bengal pradesh "
    "telangana al ak az ar ca co ct fl ga il ks ky md mi mn mo mt ne nv nh nj nm ny nc nd pa "
    "ri sc sd tn tx ut vt va wa wv wi wy nsw qld vic"
)
# Before the name, in other languages: 27 rue Laurier.
PREFIXES = words(
    "rue boulevard avenue chemin calle via avenida plaza piazza corso strada carrer rua "
    "camino rd mg"
)
