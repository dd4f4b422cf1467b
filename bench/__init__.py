"""How fast is Countersign beside what people would use instead, and does it stay fast as it grows?"""
