"""The words of the demonstration shop: people, places and products. Prices in rupees."""

from typing import NamedTuple


class Country(NamedTuple):
    """Where shoppers live: the country with its ISO code, how its mobiles begin and how many digits follow, its names
    and cities.
    """

    code: str
    name: str
    mobile_prefixes: tuple[str, ...]
    mobile_digits: int
    women: tuple[str, ...]
    men: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]  # city, state


class Town(NamedTuple):
    """Where somebody lives or travels."""

    country: Country
    name: str
    state: str


class Origin(NamedTuple):
    """What leads somebody to the shop: an advertisement, a link, a letter; and the page that they land on."""

    referrer: str
    page: str
    utm: tuple[tuple[str, str], ...] = ()


class Product(NamedTuple):
    """Something the shop sells."""

    sku: str
    name: str
    category: str
    price: int
    variants: tuple[str, ...]

    @property
    def page(self) -> str:
        """Where it is on the shop's site."""
        return f"/p/{self.sku.lower()}"


INDIA = Country(
    "IN",
    "India",
    ("+9198", "+9197", "+9199", "+9188", "+9170", "+9163"),
    8,
    (
        "Aadhya", "Aditi", "Ananya", "Anjali", "Anushka", "Bhavna", "Chitra", "Deepika", "Diya", "Divya", "Farah",
        "Fatima", "Gayatri", "Harini", "Isha", "Ishita", "Jaspreet", "Jyoti", "Kavya", "Keerthana", "Lakshmi", "Leela",
        "Madhuri", "Meera", "Nandini", "Neha", "Nisha", "Pooja", "Pallavi", "Priya", "Radhika", "Revathi", "Riya",
        "Saanvi", "Sakshi", "Shreya", "Simran", "Sneha", "Swati", "Tanvi", "Trisha", "Vaishnavi", "Yamini", "Zoya",
    ),
    (
        "Aarav", "Abhishek", "Aditya", "Ajay", "Akash", "Amit", "Anil", "Arjun", "Arnav", "Balaji", "Bharat", "Chetan",
        "Deepak", "Dev", "Dhruv", "Faisal", "Gaurav", "Gurpreet", "Harsh", "Imran", "Ishaan", "Jatin", "Karan",
        "Karthik", "Kunal", "Lokesh", "Manish", "Mohit", "Nikhil", "Omkar", "Pranav", "Rahul", "Rajesh", "Ravi",
        "Rohan", "Sachin", "Sanjay", "Siddharth", "Suresh", "Tarun", "Varun", "Vikram", "Vivaan", "Yash",
    ),
    (
        "Agarwal", "Ahmed", "Banerjee", "Bhat", "Bhatt", "Bose", "Chatterjee", "Chauhan", "Chopra", "D'Souza", "Das",
        "Desai", "Deshmukh", "Fernandes", "Ghosh", "Goyal", "Gupta", "Hegde", "Iyer", "Jain", "Joshi", "Kapoor", "Kaur",
        "Khan", "Krishnan", "Kulkarni", "Kumar", "Malhotra", "Mehta", "Menon", "Mishra", "Mukherjee", "Naidu", "Nair",
        "Pandey", "Patel", "Patil", "Pillai", "Rao", "Rathore", "Reddy", "Saxena", "Shah", "Sharma", "Shetty", "Singh",
        "Sinha", "Srinivasan", "Subramanian", "Thakur", "Tiwari", "Varma", "Verma", "Yadav",
    ),
    (
        ("Mumbai", "Maharashtra"), ("Bengaluru", "Karnataka"), ("Delhi", "Delhi"), ("Hyderabad", "Telangana"),
        ("Chennai", "Tamil Nadu"), ("Pune", "Maharashtra"), ("Kolkata", "West Bengal"), ("Ahmedabad", "Gujarat"),
        ("Jaipur", "Rajasthan"), ("Surat", "Gujarat"), ("Lucknow", "Uttar Pradesh"), ("Kochi", "Kerala"),
        ("Indore", "Madhya Pradesh"), ("Nagpur", "Maharashtra"), ("Coimbatore", "Tamil Nadu"),
        ("Chandigarh", "Chandigarh"),
        ("Thiruvananthapuram", "Kerala"), ("Bhubaneswar", "Odisha"), ("Guwahati", "Assam"), ("Mysuru", "Karnataka"),
    ),
)  # fmt: skip

ABROAD = (
    Country(
        "GB", "United Kingdom", ("+447400123",), 3,
        ("Amelia", "Charlotte", "Grace", "Olivia", "Priyanka", "Siobhán"), ("George", "Harry", "Jack", "Oliver", "Raj"),
        ("Brown", "Davies", "Evans", "Patel", "Smith", "Taylor"),
        (("London", "England"), ("Leicester", "England"), ("Glasgow", "Scotland")),
    ),
    Country(
        "US", "United States", ("+120155501", "+121255501", "+141555501"), 2,
        ("Ashley", "Emily", "Maria", "Sarah", "Anjali"), ("Daniel", "James", "Jose", "Michael", "Vijay"),
        ("Garcia", "Johnson", "Lee", "Miller", "Nguyen", "Rao"),
        (("Edison", "New Jersey"), ("San Jose", "California"), ("Houston", "Texas")),
    ),
    Country(
        "AE", "United Arab Emirates", ("+97150", "+97155"), 7,
        ("Aisha", "Fatima", "Mariam", "Noor"), ("Ahmed", "Hamdan", "Omar", "Thomas"),
        ("Al Mansoori", "Haddad", "Mathew", "Qureshi", "Rahman"),
        (("Dubai", "Dubai"), ("Abu Dhabi", "Abu Dhabi"), ("Sharjah", "Sharjah")),
    ),
    Country(
        "SG", "Singapore", ("+658", "+659"), 7,
        ("Hui Min", "Mei Ling", "Priya", "Siti"), ("Arun", "Jun Wei", "Kai", "Wei Ming"),
        ("Chen", "Lim", "Ng", "Pillay", "Tan", "Wong"), (("Singapore", "Singapore"),),
    ),
    Country(
        "DE", "Germany", ("+491511", "+491701"), 7,
        ("Anna", "Jürgen", "Lena", "Zoë"), ("Björn", "Felix", "Jonas", "Lukas"),
        ("Fischer", "Müller", "Schäfer", "Schmidt", "Weiß"), (("Berlin", "Berlin"), ("Munich", "Bavaria")),
    ),
)  # fmt: skip

# Reserved for examples (RFC 2606), so that nobody real is ever written to.
MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")

_SIZES = ("S", "M", "L", "XL")
_ONE = ("Standard",)

PRODUCTS = (
    Product("KUR-101", "Block Print Cotton Kurta", "Clothing", 1299, _SIZES),
    Product("KUR-102", "Chikankari Straight Kurta", "Clothing", 1899, _SIZES),
    Product("SAR-201", "Chanderi Silk Saree", "Clothing", 5499, ("Indigo", "Maroon", "Mustard")),
    Product("SAR-202", "Handloom Linen Saree", "Clothing", 3299, ("Sage", "Rose", "Ivory")),
    Product("SHI-301", "Mandarin Collar Linen Shirt", "Clothing", 1799, _SIZES),
    Product("NEH-302", "Khadi Nehru Jacket", "Clothing", 2499, _SIZES),
    Product("DUP-303", "Kalamkari Cotton Dupatta", "Clothing", 899, ("Blue", "Red")),
    Product("JUT-401", "Embroidered Leather Juttis", "Footwear", 1499, ("36", "37", "38", "39", "40")),
    Product("KOL-402", "Kolhapuri Sandals", "Footwear", 1199, ("39", "40", "41", "42", "43")),
    Product("JHU-501", "Oxidised Silver Jhumkas", "Jewellery", 799, _ONE),
    Product("NEC-502", "Terracotta Bead Necklace", "Jewellery", 649, _ONE),
    Product("BAN-503", "Lac Bangles, Set of Six", "Jewellery", 549, ("2.4", "2.6", "2.8")),
    Product("CUS-601", "Kantha Cushion Cover", "Home", 499, ("Blue", "Ochre", "White")),
    Product("BED-602", "Jaipuri Razai, Double", "Home", 3999, ("Floral", "Paisley")),
    Product("LAM-603", "Brass Diya Lamp", "Home", 1099, _ONE),
    Product("POT-604", "Blue Pottery Vase", "Home", 1599, _ONE),
    Product("RUG-605", "Handwoven Dhurrie, 4 × 6 ft", "Home", 4299, ("Grey", "Rust")),
    Product("TEA-701", "Darjeeling First Flush, 250 g", "Food", 749, _ONE),
    Product("COF-702", "Coorg Filter Coffee, 500 g", "Food", 599, ("Coarse", "Fine")),
    Product("SPI-703", "Spice Box, Seven Masalas", "Food", 1249, _ONE),
    Product("HON-704", "Wild Forest Honey, 500 g", "Food", 449, _ONE),
    Product("SOA-801", "Neem & Tulsi Soap, Pack of Four", "Care", 399, _ONE),
    Product("OIL-802", "Cold-pressed Coconut Oil, 1 l", "Care", 549, _ONE),
    Product("CRE-803", "Kumkumadi Face Cream", "Care", 999, _ONE),
)

_GOOGLE, _INSTAGRAM, _FACEBOOK = "https://www.google.com/", "https://www.instagram.com/", "https://www.facebook.com/"


def _utm(source: str, medium: str, campaign: str, **more: str) -> tuple[tuple[str, str], ...]:
    return (("source", source), ("medium", medium), ("campaign", campaign), *more.items())


# How people hear of the shop, and how they come again; most frequent first. A letter has no referrer.
DISCOVERIES = (
    Origin(_GOOGLE, "/", _utm("google", "cpc", "brand", term="block print kurta")),
    Origin(_INSTAGRAM, "/new", _utm("instagram", "social", "new-arrivals", content="reel")),
    Origin(_GOOGLE, "/"),
    Origin(_FACEBOOK, "/clothing", _utm("facebook", "social", "lookalike")),
    Origin("https://www.youtube.com/", "/makers", _utm("youtube", "video", "makers")),
    Origin("https://slowfashion.example/ten-shops-to-know", "/"),
    Origin("https://www.bing.com/", "/"),
)
RETURNS = (
    Origin("", "/letter", _utm("newsletter", "email", "sunday-letter")),
    Origin("", "/back-in-stock", _utm("whatsapp", "message", "back-in-stock")),
    Origin(_GOOGLE, "/", _utm("google", "cpc", "brand", term="jaipur online shop")),
    Origin(_INSTAGRAM, "/new", _utm("instagram", "social", "new-arrivals", content="story")),
    Origin("", "/sale", _utm("newsletter", "email", "festive-sale")),
    Origin(_GOOGLE, "/"),
    Origin(_FACEBOOK, "/sale", _utm("facebook", "social", "retargeting")),
)
DIRECT = Origin("", "/")
PAYMENTS = ("UPI", "UPI", "UPI", "Card", "Card", "Cash on Delivery", "Net Banking")
CARRIERS = ("BlueDart", "Delhivery", "India Post", "Ecom Express")
REVIEWS = (
    (5, "Lovely work, better than in the pictures."), (5, "बहुत सुंदर! Will order again. 😍"), (5, "Perfect gift."),
    (4, "Good quality, delivery took a day longer."), (4, "Nice, the colour is a little darker."),
    (3, "It's fine."), (2, "Size runs small."), (1, "Arrived damaged."),
)  # fmt: skip
TICKETS = (
    ("Where is my order?", "delivery"), ("Exchange for another size", "exchange"), ("Refund not received", "refund"),
    ("Item arrived damaged", "damage"), ("Invoice with GST number", "invoice"),
)  # fmt: skip
SEARCHES = ("saree", "kurta white", "gift under 1000", "diya", "jhumka", "razai", "cushion", "coffee", "nehru jacket")
