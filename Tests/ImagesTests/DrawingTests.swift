import Foundation
import Images
import Testing

@Suite struct DrawingTests {
    /// The sum of the coverages of pixels that are white on black.
    private func coverage(_ image: Image) -> Double {
        image.pixels.reduce(0) { $0 + Double($1) } / 3 / 255
    }

    /// The coverage falls linearly from half a pixel inside the edge to half a pixel outside: the integral
    /// of pi (r + t)^2 over t in -1/2...1/2 is pi (r^2 + 1/12).
    @Test(arguments: [1.5, 2, 3.3, 6, 10, 24.7])
    func discsCoverTheirArea(_ radius: Double) {
        var generator = Seeded(state: 7)
        for _ in 0..<20 {
            var image = Image(width: 80, height: 80, colour: .black)
            let centre = Point(
                x: .random(in: 30...50, using: &generator),
                y: .random(in: 30...50, using: &generator))
            image.drawDisc(at: centre, radius: radius, colour: .white)
            let area = Double.pi * (radius * radius + 1.0 / 12)
            // Coverage is evaluated at pixel centres: off by a few hundredths along the circumference.
            #expect(abs(coverage(image) - area) < 0.03 * 2 * .pi * radius)
        }
    }

    @Test func discsAreFullInsideAndEmptyOutside() {
        var image = Image(width: 41, height: 41, colour: .black)
        let red = Colour(0xFF0000)
        image.drawDisc(
            at: Point(x: 20.5, y: 20.5), radius: 8, colour: red, ring: .white, ringWidth: 3)
        for row in 0..<41 {
            for column in 0..<41 {
                let distance = hypot(Double(column) - 20, Double(row) - 20)
                let colour = image[column, row]
                if distance <= 7.5 { #expect(colour == red) }
                if distance >= 8.5, distance <= 10.5 { #expect(colour == .white) }
                if distance >= 11.5 { #expect(colour == .black) }
            }
        }
    }

    @Test func linesAreTheSameInBothDirections() {
        var generator = Seeded(state: 3)
        for _ in 0..<50 {
            let ends = (0..<2).map { _ in
                Point(
                    x: .random(in: -10...60, using: &generator),
                    y: .random(in: -10...60, using: &generator))
            }
            let thickness = Double.random(in: 0.3...6, using: &generator)
            var forward = Image(width: 50, height: 50)
            var backward = forward
            forward.drawLine(from: ends[0], to: ends[1], thickness: thickness, colour: .black)
            backward.drawLine(from: ends[1], to: ends[0], thickness: thickness, colour: .black)
            #expect(Difference(forward.pixels, backward.pixels).largest <= 1)  // Rounding.
        }
    }

    /// Across a long straight line the coverages sum to its thickness, at any angle.
    @Test(arguments: [0.4, 1, 2, 3.7], [0.0, 0.3, 0.7, 1.0])
    func linesHaveTheirThickness(_ thickness: Double, _ slope: Double) {
        var image = Image(width: 60, height: 120, colour: .black)
        let rise = slope * 80
        image.drawLine(
            from: Point(x: -10, y: 20.3), to: Point(x: 70, y: 20.3 + rise), thickness: thickness,
            colour: .white)
        let columns = 10..<50
        var sum = 0.0
        for column in columns {
            for row in 0..<120 { sum += Double(image[column, row].red) / 255 }
        }
        let along = (1 + slope * slope).squareRoot()
        let found = sum / Double(columns.count) / along
        // Coverage is evaluated at pixel centres, and exact only along rows or columns. A line thinner than
        // a pixel is capped at its thickness and somewhat too wide.
        #expect(abs(found - thickness) < (thickness < 1 ? 0.2 : 0.05), "\(found)")
    }

    @Test func drawingIsClippedToTheImage() {
        func draw(on image: inout Image, shift: Double) {
            let s = Int(shift)
            image.drawDisc(
                at: Point(x: shift, y: 3 + shift), radius: 7, colour: Colour(0x336699), ring: .black
            )
            image.drawLine(
                from: Point(x: shift - 15, y: shift - 9), to: Point(x: shift + 40, y: shift + 45),
                thickness: 2.5, colour: Colour(0xFF0000))
            image.drawText("Ag9", x: s + 12, y: s - 4, colour: .black, halo: Colour(0x00FF00))
            image.fill(
                Box(x: s - 5, y: s + 15, width: 12, height: 20), with: .black, opacity: 0.5)
            image.draw(noise(width: 9, height: 9), x: s + 16, y: s + 17)
        }
        var small = Image(width: 20, height: 20)
        var large = Image(width: 80, height: 80)
        draw(on: &small, shift: 0)
        draw(on: &large, shift: 32)
        #expect(small == large.cropped(to: Box(x: 32, y: 32, width: 20, height: 20)))
    }

    @Test func blendingMatchesFormula() {
        let first = noise(width: 16, height: 9)
        let second = noise(width: 16, height: 9, seed: 99)
        #expect(first.blended(with: second, factor: 0) == first)
        #expect(first.blended(with: second, factor: 1) == second)
        for factor in [0.25, 0.5, 0.6] {
            let expected = zip(first.pixels, second.pixels).map {
                UInt8((Double($0) * (1 - factor) + Double($1) * factor).rounded())
            }
            // Factors are rounded to 2^-16, so that a few exact halves round differently.
            let difference = Difference(
                first.blended(with: second, factor: factor).pixels, expected)
            #expect(difference.largest <= 1 && difference.equalShare > 0.99)
        }
        let mask = (0..<16 * 9).map { UInt8($0) }
        let masked = first.blended(with: second, mask: mask)
        for pixel in 0..<16 * 9 {
            let part = Double(mask[pixel]) / 255
            for i in pixel * 3..<pixel * 3 + 3 {
                let expected =
                    Double(first.pixels[i]) * (1 - part) + Double(second.pixels[i]) * part
                #expect(abs(Double(masked.pixels[i]) - expected) < 0.51)
            }
        }
    }

    @Test func sideBySidePlacesImagesInARow() {
        let images = [noise(width: 5, height: 7), noise(width: 4, height: 3, seed: 1)]
        let background = Colour(0x102030)
        let row = Image.sideBySide(images, gap: 2, background: background)
        #expect((row.width, row.height) == (11, 7))
        #expect(row.cropped(to: Box(x: 0, y: 0, width: 5, height: 7)) == images[0])
        #expect(row.cropped(to: Box(x: 7, y: 0, width: 4, height: 3)) == images[1])
        for (x, y) in [(5, 0), (6, 6), (7, 3), (10, 6)] { #expect(row[x, y] == background) }
    }

    @Test func allCharactersLookDifferent() {
        var seen = Set<Image>()
        for code in UInt8(32)..<127 {
            var image = Image(width: 12, height: 18)
            image.drawText(String(UnicodeScalar(code)), x: 0, y: 0, colour: .black)
            #expect(seen.insert(image).inserted, "\(UnicodeScalar(code))")
        }
        #expect(Image.textSize("12", scale: 3) == (33, 21))
    }
}
