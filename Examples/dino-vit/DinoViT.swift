import ArgumentParser

@main
struct DinoViT: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dino-vit", abstract: "Features of a self-supervised vision transformer.")
}
