package broken

const Answer int = "forty-two"
