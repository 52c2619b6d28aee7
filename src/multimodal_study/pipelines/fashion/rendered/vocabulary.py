"""Words for every value of every factor. No phrase of a factor stands in a phrase of another."""

from __future__ import annotations

from multimodal_study.pipelines.fashion.rendered.factors import INVISIBLE

PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "category": {
        "skirt": ("skirt", "ladies' skirt"),
        "dress": ("dress", "frock"),
        "coat": ("coat", "overcoat"),
        "blouse": ("blouse", "buttoned top"),
        "jumper": ("jumper", "sweater", "pullover"),
        "trousers": ("trousers", "pair of trousers", "slacks"),
    },
    "colour": {
        "red": ("red", "crimson", "scarlet"),
        "orange": ("orange", "tangerine", "apricot"),
        "yellow": ("yellow", "lemon", "mustard"),
        "pink": ("pink", "rose", "blush"),
        "green": ("green", "emerald", "olive"),
        "turquoise": ("turquoise", "teal", "aqua"),
        "blue": ("blue", "navy", "cobalt"),
        "purple": ("purple", "violet", "plum"),
    },
    "pattern": {
        "plain": ("plain", "unpatterned"),
        "dots": ("polka dot", "dotted"),
        "floral": ("floral", "flowery"),
        "stripes": ("striped", "pinstripe"),
        "checks": ("checked", "gingham"),
        "zigzag": ("zigzag", "chevron"),
    },
    "background": {
        "studio": ("a studio", "a photo studio"),
        "room": ("a living room", "a parlour"),
        "bricks": ("a brick loft", "a loft"),
        "park": ("a park", "a garden"),
        "beach": ("a beach", "a sea shore"),
        "street": ("a city street", "an avenue"),
    },
    "pose": {
        "straight": ("standing straight", "upright"),
        "arms apart": ("arms apart", "arms held wide"),
        "left hand on hip": ("left hand on the hip",),
        "right hand on hip": ("right hand on the hip",),
        "leaning": ("leaning over", "tilted"),
    },
    "light": {
        "even": ("even light", "flat light"),
        "from the side": ("sidelight", "light from one side"),
        "warm": ("warm light", "golden light"),
        "dim": ("dim light", "dusk"),
    },
    "material": {
        "cotton": ("cotton", "poplin"),
        "linen": ("linen", "flax"),
        "silk": ("silk", "satin"),
        "wool": ("wool", "merino"),
        "denim": ("denim", "jean cloth"),
        "velvet": ("velvet", "velour"),
    },
    "occasion": {
        "office": ("the office", "business days"),
        "wedding": ("a wedding", "a ceremony"),
        "holiday": ("a holiday", "travelling"),
        "sport": ("sport", "the gym"),
    },
    "season": {
        "spring": ("spring", "springtime"),
        "summer": ("summer", "summertime"),
        "autumn": ("autumn", "fall"),
        "winter": ("winter", "wintertime"),
    },
    "maker": {
        "Arden": ("Arden", "Arden & Sons"),
        "Bellamy": ("Bellamy", "Maison Bellamy"),
        "Corvane": ("Corvane", "Corvane Milano"),
        "Delmira": ("Delmira", "Delmira Studios"),
    },
    "skirt_length": {
        INVISIBLE: ("the hem out of view",),
        "Short Length": ("a short hem", "a mini hem"),
        "Knee Length": ("a knee-length hem", "a hem at the knee"),
        "Midi Length": ("a midi hem", "a mid-calf hem"),
        "Ankle Length": ("an ankle-length hem", "a hem at the ankle"),
        "Floor Length": ("a floor-length hem", "a floor-sweeping hem"),
    },
    "coat_length": {
        INVISIBLE: ("the lower edge out of view",),
        "High Waist Length": ("a high-waist cut", "a waist-length cut"),
        "Regular Length": ("a regular cut", "a hip-length cut"),
        "Long Length": ("a long cut", "a cut below the hip"),
        "Micro Length": ("a micro cut", "a thigh-length cut"),
        "Knee Length": ("a knee-length cut", "a cut to the knee"),
        "Midi Length": ("a midi cut", "a mid-calf cut"),
        "Ankle&Floor Length": ("an ankle-length cut", "a floor-length cut"),
    },
    "collar_design": {
        INVISIBLE: ("the collar out of view",),
        "Shirt Collar": ("a shirt collar", "a pointed collar"),
        "Peter Pan": ("a Peter Pan collar", "a small round collar"),
        "Puritan Collar": ("a puritan collar", "a wide flat collar"),
        "Rib Collar": ("a rib collar", "a ribbed collar"),
    },
    "lapel_design": {
        INVISIBLE: ("the lapels out of view",),
        "Notched": ("notched lapels", "a notched lapel"),
        "Collarless": ("no lapels", "a lapel-free front"),
        "Shawl Collar": ("a shawl lapel", "slim shawl lapels"),
        "Plus Size Shawl": ("a plus-size shawl lapel", "oversized shawl lapels"),
    },
    "neck_design": {
        INVISIBLE: ("the neck out of view",),
        "Turtle Neck": ("a turtle neck", "a roll neck"),
        "Ruffle Semi-High Collar": ("a ruffled neck", "a frilled neck"),
        "Low Turtle Neck": ("a low turtle neck", "a mock neck"),
        "Draped Collar": ("a draped neck", "a cowl neck"),
    },
    "neckline_design": {
        INVISIBLE: ("the neckline out of view",),
        "Strapless Neck": ("a strapless neckline", "a bandeau neckline"),
        "Deep V Neckline": ("a deep V neckline", "a plunging neckline"),
        "Straight Neck": ("a straight neckline", "a boat neckline"),
        "V Neckline": ("a V neckline", "a V-shaped neckline"),
        "Square Neckline": ("a square neckline", "a square-cut neckline"),
        "Off Shoulder": ("an off-shoulder neckline", "a Bardot neckline"),
        "Round Neckline": ("a round neckline", "a crew neckline"),
        "Sweat Heart Neck": ("a sweetheart neckline", "a heart-shaped neckline"),
        "One Shoulder Neckline": ("a one-shoulder neckline", "an asymmetric neckline"),
    },
    "pant_length": {
        INVISIBLE: ("the ends of the legs out of view",),
        "Short Pant": ("short legs", "legs as of shorts"),
        "Mid Length": ("mid-length legs", "Bermuda legs"),
        "3/4 Length": ("three-quarter legs", "capri legs"),
        "Cropped Pant": ("cropped legs", "legs above the ankle"),
        "Full Length": ("full-length legs", "legs down to the shoes"),
    },
    "sleeve_length": {
        INVISIBLE: ("the sleeves out of view",),
        "Sleeveless": ("no sleeves", "bare arms"),
        "Cup Sleeves": ("cap sleeves", "cup sleeves"),
        "Short Sleeves": ("short sleeves", "T-shirt sleeves"),
        "Elbow Sleeves": ("elbow sleeves", "sleeves to the elbow"),
        "3/4 Sleeves": ("three-quarter sleeves", "bracelet sleeves"),
        "Wrist Length": ("wrist-length sleeves", "sleeves to the wrist"),
        "Long Sleeves": ("long sleeves", "sleeves over the wrist"),
        "Extra Long Sleeves": ("overlong sleeves", "sleeves beyond the fingers"),
    },
}
"""Factor to value to what may be said, the plainest first."""

CONNECTORS: dict[str, tuple[str, ...]] = {
    "occasion": ("perfect for", "made for", "ideal for"),
    "season": ("to wear in", "intended for", "released in"),
    "background": ("photographed in", "shown in"),
    "pose": ("presented", "modelled"),
    "light": ("pictured in", "captured in"),
}
"""What leads to a phrase of a factor that stands behind the noun; attributes share one list."""
ATTRIBUTE_CONNECTORS = ("with", "featuring", "finished with")
NOUN_FRONT = ("maker", "colour", "pattern", "material")
"""Factors whose words stand before the noun, in this order."""
UNSAID_CATEGORY = ("piece", "garment", "item")

IRRELEVANT = (
    "free returns within thirty days",
    "our customers love it",
    "true to size",
    "delivered in recycled packaging",
    "please consult the size chart",
    "limited quantities available",
    "exclusive to our online shop",
    "wash at thirty degrees",
    "the model is 176 cm tall",
    "now at a reduced price",
    "matching accessories sold separately",
    "ships from our warehouse",
)
"""Phrases that have nothing to do with any factor."""
