"""What does the shop sell, to whom, and by which rules? Everything and everybody here is invented."""

# ruff: noqa: E501 - tables are read in rows

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tools.examples.shop.models import OrderStatus, ShipmentStatus

# Whether the warehouse's service answers. Gdańsk's never does: there one can watch a tool that stays down.
WAREHOUSES = {"Porto": True, "Lyon": True, "Gdańsk": False}

# SKU, name, price in EUR, pieces in stock, warehouse.
PRODUCTS = (
    ("KET-100", "Gooseneck kettle, 1.0 l", "64.90", 31, "Porto"),
    ("KET-110", "Enamel kettle, 1.5 l", "42.50", 12, "Porto"),
    ("KET-120", "Electric kettle with thermostat", "79.00", 8, "Lyon"),
    ("FPR-120", "French press, 8 cups", "39.00", 44, "Porto"),
    ("FPR-121", "Spare glass for French press", "12.90", 60, "Porto"),
    ("DRP-200", "Pour-over set with carafe", "85.00", 17, "Lyon"),
    ("DRP-201", "Paper filters, 100 pieces", "6.80", 240, "Lyon"),
    ("DRP-210", "Ceramic dripper, two cups", "24.50", 35, "Porto"),
    ("GRD-210", "Hand grinder, steel burrs", "92.00", 14, "Lyon"),
    ("GRD-220", "Burr grinder, electric", "129.00", 9, "Gdańsk"),
    ("GRD-221", "Cleaning brush for grinders", "7.40", 80, "Gdańsk"),
    ("ESP-500", "Espresso machine, single boiler", "389.00", 5, "Lyon"),
    ("ESP-510", "Milk jug, 350 ml", "18.90", 41, "Lyon"),
    ("ESP-511", "Tamper, 58 mm, walnut", "34.00", 22, "Lyon"),
    ("ESP-520", "Descaler, 500 ml", "9.90", 130, "Lyon"),
    ("MOK-300", "Moka pot, 6 cups", "36.50", 27, "Porto"),
    ("MOK-301", "Gaskets for moka pot, set of 3", "5.60", 95, "Porto"),
    ("SCA-310", "Kitchen scale with timer", "45.00", 19, "Gdańsk"),
    ("THM-320", "Instant thermometer", "27.80", 33, "Gdańsk"),
    ("MUG-400", "Stoneware mug, sand", "16.00", 75, "Porto"),
    ("MUG-410", "Stoneware mug, sea", "16.00", 68, "Porto"),
    ("MUG-420", "Double-walled glass, pair", "22.00", 40, "Lyon"),
    ("CUP-430", "Espresso cups, set of 4", "29.90", 26, "Lyon"),
    ("TEA-450", "Cast-iron teapot, 0.8 l", "58.00", 11, "Porto"),
    ("TEA-451", "Tea strainer, fine", "11.20", 54, "Porto"),
    ("PAN-600", "Cast-iron pan, 26 cm", "54.00", 23, "Porto"),
    ("PAN-610", "Saucepan with lid, 1.8 l", "62.00", 16, "Lyon"),
    ("PAN-620", "Wok, carbon steel, 32 cm", "47.50", 13, "Porto"),
    ("TIN-630", "Loaf tin, 30 cm", "19.50", 48, "Porto"),
    ("BRD-640", "Proofing basket, oval", "21.00", 37, "Lyon"),
    ("KNI-700", "Bread knife, olive wood", "50.00", 29, "Porto"),
    ("KNI-710", "Chef's knife, 20 cm", "96.00", 10, "Lyon"),
    ("KNI-720", "Whetstone, 1000/3000", "43.00", 18, "Lyon"),
    ("BOA-730", "Chopping board, oak", "38.00", 25, "Porto"),
    ("TOW-800", "Linen tea towels, pair", "23.90", 52, "Porto"),
    ("APR-810", "Apron, washed cotton", "41.00", 21, "Lyon"),
    ("JAR-820", "Storage jars, set of 3", "33.60", 30, "Gdańsk"),
    ("COF-900", "House blend, whole beans, 1 kg", "24.00", 88, "Lyon"),
    ("COF-910", "Ethiopia Guji, whole beans, 250 g", "13.50", 64, "Lyon"),
    ("COF-920", "Decaf, ground, 500 g", "15.80", 46, "Lyon"),
)

# Number, name, e-mail, phone, customer since, street, postcode, city, country.
CUSTOMERS = (
    ("C-101", "Ana Lima", "ana.lima@example.org", "+351 21 000 0101", "2023-03-14", "Rua das Flores 18", "1200-194", "Lisbon", "Portugal"),
    ("C-102", "Bruno Keller", "bruno.keller@example.org", "+41 44 000 0102", "2024-06-02", "Seestrasse 7", "8002", "Zurich", "Switzerland"),
    ("C-103", "Chiara Ricci", "chiara.ricci@example.com", "+39 06 000 0103", "2025-01-20", "Via dei Serpenti 44", "00184", "Rome", "Italy"),
    ("C-104", "Daan de Vries", "daan.devries@example.net", "+31 20 000 0104", "2022-11-30", "Prinsengracht 301", "1016 GZ", "Amsterdam", "Netherlands"),
    ("C-105", "Jan Novak", "jan.novak@example.com", "+420 222 000 105", "2024-02-11", "Dlouhá 12", "110 00", "Prague", "Czechia"),
    ("C-106", "Emilia Nowak", "emilia.nowak@example.org", "+48 12 000 01 06", "2025-08-05", "ulica Floriańska 3", "31-019", "Kraków", "Poland"),
    ("C-107", "Finn O'Connor", "finn.oconnor@example.net", "+353 1 000 0107", "2023-09-17", "14 Capel Street", "D01 F7X2", "Dublin", "Ireland"),
    ("C-108", "Greta Lindqvist", "greta.lindqvist@example.org", "+46 8 000 01 08", "2024-12-01", "Götgatan 55", "116 21", "Stockholm", "Sweden"),
    ("C-109", "Hugo Lefèvre", "hugo.lefevre@example.com", "+33 4 00 00 01 09", "2022-05-23", "12 rue Mercière", "69002", "Lyon", "France"),
    ("C-110", "Inês Carvalho", "ines.carvalho@example.com", "+351 22 000 0110", "2025-04-09", "Rua de Cedofeita 210", "4050-174", "Porto", "Portugal"),
    ("C-111", "Jonas Weber", "jonas.weber@example.net", "+49 30 000 0111", "2023-07-28", "Oranienstraße 88", "10969", "Berlin", "Germany"),
    ("C-112", "Katarzyna Zielińska", "k.zielinska@example.org", "+48 58 000 01 12", "2024-10-15", "ulica Długa 41", "80-831", "Gdańsk", "Poland"),
    ("C-113", "Lukas Gruber", "lukas.gruber@example.com", "+43 1 000 0113", "2025-02-27", "Neubaugasse 19", "1070", "Vienna", "Austria"),
    ("C-114", "Maria Papadopoulou", "maria.p@example.net", "+30 21 0000 0114", "2023-12-06", "Adrianou 60", "105 55", "Athens", "Greece"),
    ("C-115", "Niels Sørensen", "niels.sorensen@example.org", "+45 33 00 01 15", "2024-04-18", "Istedgade 27", "1650", "Copenhagen", "Denmark"),
    ("C-116", "Olga Petrova", "olga.petrova@example.com", "+359 2 000 0116", "2025-06-30", "ul. Shishman 9", "1000", "Sofia", "Bulgaria"),
    ("C-117", "Petra Novak", "petra.novak@example.net", "+386 1 000 0117", "2022-08-12", "Trubarjeva cesta 5", "1000", "Ljubljana", "Slovenia"),
    ("C-118", "Quentin Dubois", "quentin.dubois@example.org", "+32 2 000 01 18", "2024-01-03", "Rue du Midi 76", "1000", "Brussels", "Belgium"),
    ("C-119", "Rosa Fernández", "rosa.fernandez@example.com", "+34 91 000 0119", "2025-09-21", "Calle del Pez 15", "28004", "Madrid", "Spain"),
    ("C-120", "Samir Haddad", "samir.haddad@example.net", "+33 1 00 00 01 20", "2023-05-05", "8 rue Oberkampf", "75011", "Paris", "France"),
    ("C-121", "Tuuli Virtanen", "tuuli.virtanen@example.org", "+358 9 000 0121", "2024-08-24", "Kalevankatu 30", "00100", "Helsinki", "Finland"),
    ("C-122", "Ursula Meier", "ursula.meier@example.com", "+49 89 000 0122", "2022-02-16", "Gärtnerplatz 2", "80469", "Munich", "Germany"),
    ("C-123", "Viktor Horváth", "viktor.horvath@example.net", "+36 1 000 0123", "2025-03-10", "Ráday utca 22", "1092", "Budapest", "Hungary"),
    ("C-124", "Wilhelmina Jansen", "w.jansen@example.org", "+31 30 000 0124", "2023-10-29", "Oudegracht 145", "3511 AJ", "Utrecht", "Netherlands"),
    ("C-125", "Zoé Martin", "zoe.martin@example.com", "+352 00 01 25", "2024-07-07", "Grand-Rue 33", "1661", "Luxembourg", "Luxembourg"),
)  # fmt: skip

# Topic, title, text.
POLICY = (
    (
        "refunds",
        "Refunds",
        "An item that arrived broken, or not as described, is refunded in full within 60 days of delivery. A photo may "
        "be asked for, never a return at the customer's cost. Refunds go to the account the order was paid from. The "
        "desk refunds up to 100.00 EUR for an order; more than that is for the shop's manager.",
    ),
    (
        "returns",
        "Returns",
        "What does not please may come back unused within 30 days of delivery. The customer sends it to Porto; the price "
        "is refunded when it has arrived. Opened coffee stays where it is.",
    ),
    (
        "delivery",
        "Delivery",
        "Orders leave within two working days of payment, and arrive three to six days later. A parcel that has not "
        "moved for ten days counts as lost: the customer chooses between a refund and a second parcel.",
    ),
    (
        "addresses",
        "Changes of address",
        "An address can be changed until the parcel is with the carrier. After that only the carrier can help. When the "
        "country changes, the customer is told that delivery takes longer.",
    ),
    (
        "messages",
        "Messages",
        "Messages to customers are short and kind, name the order, promise nothing that has not been done, and ask for no "
        "passwords or card numbers.",
    ),
)


@dataclass(frozen=True)
class Story:
    """An order that examples and tests speak of."""

    number: str
    customer: str
    lines: tuple[tuple[str, int], ...]
    status: OrderStatus = OrderStatus.DELIVERED
    shipment: ShipmentStatus | None = ShipmentStatus.DELIVERED
    sent_on: date | None = None
    refunded: tuple[Decimal, str] | None = None


STORIES = (
    Story("1015", "C-108", (("FPR-120", 1),), OrderStatus.REFUNDED, refunded=(Decimal("39.00"), "Glass broken on arrival")),
    Story("1018", "C-101", (("MUG-410", 2), ("TEA-451", 1))),
    Story("1023", "C-112", (("DRP-200", 1),), refunded=(Decimal("20.00"), "Carafe scratched; the customer keeps it")),
    Story("1042", "C-101", (("KET-100", 1),)),
    Story("1063", "C-106", (("KNI-710", 1), ("KNI-720", 1)), OrderStatus.SHIPPED, ShipmentStatus.IN_TRANSIT, date(2026, 11, 16)),
    Story("1077", "C-104", (("ESP-500", 1),)),
    Story("1088", "C-110", (("PAN-600", 1),), OrderStatus.PAID, ShipmentStatus.LABEL_PRINTED, date(2026, 11, 18)),
    Story("1091", "C-115", (("GRD-210", 1),), OrderStatus.PAID, ShipmentStatus.HANDED_OVER, date(2026, 11, 17)),
    Story("1096", "C-101", (("COF-900", 2),), OrderStatus.SHIPPED, ShipmentStatus.IN_TRANSIT),
    Story("1099", "C-119", (("CUP-430", 1), ("ESP-510", 1)), OrderStatus.AWAITING_PAYMENT, None),
    Story("1104", "C-120", (("JAR-820", 2),), OrderStatus.CANCELED, None),
    Story("1110", "C-102", (("KNI-700", 2),)),
)  # fmt: skip
