import type { Random } from './random.ts'

/** A list that is never empty. */
export type Words = readonly [string, ...string[]]

export const firstNames: Words = list(`
  Ada, Amara, Anton, Bianca, Bruno, Carla, Chen, Dario, Elif, Emeka, Esther, Farid, Greta, Hana, Hugo, Ines, Ivan,
  Jonas, Kaya, Lars, Leila, Luca, Mara, Mateus, Mei, Nadia, Noor, Olga, Omar, Paula, Pedro, Quentin, Rania, Rosa, Samir,
  Sofia, Tariq, Tomas, Uma, Vera, Wanda, Yara, Yusuf, Zoe, Zuri`)

/** Some have letters outside of ASCII, as names have. */
export const lastNames: Words = list(`
  Adeyemi, Almeida, Becker, Björk, Castillo, Costa, Demir, Dubois, Eriksen, Fischer, Fonseca, García, Haddad, Hansen,
  Ibrahim, Ivanova, Jansen, Kaya, Kim, Kowalski, Lima, Lindqvist, Marino, Mbeki, Moreau, Nakamura, Novak, Okafor, Olsen,
  Pereira, Quispe, Ramos, Rossi, Sánchez, Sato, Silva, Tanaka, Torres, Ueda, Vargas, Weber, Yilmaz, Zhang, Zimmermann`)

export const cities: Words = list(`
  Accra, Belém, Bergen, Busan, Curitiba, Dakar, Ghent, Graz, Hanoi, Izmir, Kraków, Lagos, Lima, Lyon, Manaus, Nagoya,
  Oslo, Porto, Quito, Recife, Salvador, Tartu, Turin, Utrecht, Zürich`)

export const streets: Words = list(`
  Birch Road, Canal Street, Castle Hill, Elm Avenue, Garden Lane, Harbour Way, High Street, Long Acre, Market Square,
  Mill Lane, North Quay, Orchard Row, Park Street, River Walk, Station Road, West End`)

export const tags: Words = list(`
  beta, daily, early, export, family, gold, mobile, newsletter, partner, press, student, trial`)

const sentenceWords: Words = list(`
  a, after, again, and, arrived, at, before, blue, box, bring, by, call, careful, colour, corner, courier, customer,
  delivery, door, early, for, fragile, from, gift, glass, handle, in, label, late, leave, morning, near, neighbour,
  note, of, on, order, packed, paper, parcel, please, red, ribbon, ring, sent, shelf, size, small, the, to, twice, two,
  with`)

/** So many words of prose, with a full stop. */
export function sentence(random: Random, words: number): string {
  let text = random.pick(sentenceWords)
  for (let word = 1; word < words; word++) text += ` ${random.pick(sentenceWords)}`
  return `${text}.`
}

function list(text: string): Words {
  const [first = '', ...others] = text.split(',').map((word) => word.trim())
  return [first, ...others]
}
